import Foundation
import Glibc
import OneGateSimulator
import Testing

/// Who may see and change what, tried by root, by another user, and by a stranger to both.
@Suite(
    "Access", .needsFUSE, .enabled(if: AnotherUser.canMount, "needs root, fusermount3 and setpriv"),
    .onOwnThread,
    .timeLimit(.minutes(5)))
struct AccessTests {
    private func check(
        _ script: String, _ expected: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let simulator = try Simulator(cloud: .panacea())
        let user = try AnotherUser(simulator)
        defer { user.end() }
        let outcome = try user.asRoot(
            """
            attempt() { "$@" >/dev/null 2>$FOLDER/why && echo yes || sed 's/.*: //' $FOLDER/why; }
            put() { attempt $1 bash -c "echo x > $2"; }
            cd /
            """ + "\n" + script)
        #expect(
            outcome.output == expected && outcome.status == 0, "\(outcome)", sourceLocation: sourceLocation)
    }

    private static let denied = "Permission denied\n"

    @Test("a user's mount whose daemon says nothing any more is removed by the user's next start")
    func hanging() throws {
        try check(
            """
            mount -t fusectl none /sys/fs/fuse/connections 2>/dev/null
            $AS "$ONEGATEFS" -f -o env_file=$FOLDER/one_env $FOLDER/m 2>/dev/null &
            old=$!
            until $AS cat $FOLDER/m/vm/8/STATE 2>/dev/null; do sleep 0.05; done
            kill -STOP $old
            attempt $AS "$ONEGATEFS" -o env_file=$FOLDER/one_env $FOLDER/m
            attempt $AS cat $FOLDER/m/vm/8/STATE; grep -c $FOLDER/m /proc/self/mounts
            kill -KILL $old
            until umount $FOLDER/m 2>/dev/null; do sleep 0.05; done
            """, "RUNNING\nyes\nyes\n1\n")
    }

    @Test("without allow_other only the user who mounted may enter")
    func alone() throws {
        try check(
            """
            "$ONEGATEFS" -o env_file=$FOLDER/one_env,umask=000 $FOLDER/m
            attempt cat $FOLDER/m/vm/8/STATE; attempt $AS ls $FOLDER/m; attempt $AS cat $FOLDER/m/vm/8/STATE
            attempt $AS stat $FOLDER/m; put "$AS" $FOLDER/m/vm/8/USER_TEMPLATE/X
            until umount $FOLDER/m 2>/dev/null; do sleep 0.05; done
            """, "yes\n" + String(repeating: Self.denied, count: 4))
    }

    @Test("not even root may enter what another user mounted without allow_other")
    func notRoot() throws {
        try check(
            """
            $AS "$ONEGATEFS" -o env_file=$FOLDER/one_env $FOLDER/m
            attempt $AS cat $FOLDER/m/vm/8/STATE; attempt cat $FOLDER/m/vm/8/STATE; attempt $STRANGER ls $FOLDER/m
            $AS stat -c '%u %g %a' $FOLDER/m/vm/9/USER_TEMPLATE/ACTIVE $FOLDER/m/vm/8/ID
            $AS fusermount3 -u $FOLDER/m
            """, "yes\n\(Self.denied)\(Self.denied)65534 65534 600\n65534 65534 400\n")
    }

    @Test("with allow_other and nothing else nobody but the owner sees an attribute")
    func closed() throws {
        try check(
            """
            "$ONEGATEFS" -o env_file=$FOLDER/one_env,allow_other $FOLDER/m
            attempt cat $FOLDER/m/vm/9/USER_TEMPLATE/ACTIVE; attempt $AS ls $FOLDER/m
            attempt $AS cat $FOLDER/m/vm/9/USER_TEMPLATE/ACTIVE; attempt $AS cat $FOLDER/m/.onegatefs/errors
            put "$AS" $FOLDER/m/vm/8/control
            until umount $FOLDER/m 2>/dev/null; do sleep 0.05; done
            """, "yes\n" + String(repeating: Self.denied, count: 4))
    }

    @Test("with umask=022 all may read and only the owner write")
    func readable() throws {
        try check(
            """
            "$ONEGATEFS" -o env_file=$FOLDER/one_env,allow_other,umask=022 $FOLDER/m
            cd $FOLDER/m/vm/9
            attempt $AS cat USER_TEMPLATE/ACTIVE; attempt $AS ls -lR $FOLDER/m/vm
            put "$AS" USER_TEMPLATE/ACTIVE; put "$AS" USER_TEMPLATE/NEW; put "$AS" update; put "$AS" control
            attempt $AS rm USER_TEMPLATE/ACTIVE; attempt $AS mkdir USER_TEMPLATE/V; attempt $AS cat update
            put "" USER_TEMPLATE/ACTIVE
            cd /; umount $FOLDER/m
            """, "yes\nyes\n" + String(repeating: Self.denied, count: 7) + "yes\n")
    }

    @Test("uid and gid give it to a user and a group")
    func given() throws {
        try check(
            """
            "$ONEGATEFS" -o env_file=$FOLDER/one_env,allow_other,uid=65534,gid=65533,umask=027 $FOLDER/m
            cd $FOLDER/m/vm/8
            put "$AS" USER_TEMPLATE/ACTIVE; attempt $AS cat USER_TEMPLATE/ACTIVE
            attempt $STRANGER cat USER_TEMPLATE/ACTIVE; put "$STRANGER" USER_TEMPLATE/ACTIVE
            attempt setpriv --reuid 65532 --regid 65532 --clear-groups ls .
            cd /; umount $FOLDER/m
            """, "yes\nyes\nyes\n" + Self.denied + Self.denied)
    }

    @Test("two mounts of one VM have rules of their own")
    func two() throws {
        try check(
            """
            mkdir $FOLDER/all
            "$ONEGATEFS" -o env_file=$FOLDER/one_env $FOLDER/m
            "$ONEGATEFS" -o env_file=$FOLDER/one_env,ro,allow_other,umask=022 $FOLDER/all
            attempt $AS cat $FOLDER/all/vm/8/STATE; put "" $FOLDER/all/vm/8/USER_TEMPLATE/X
            attempt $AS cat $FOLDER/m/vm/8/STATE; put "" $FOLDER/m/vm/8/USER_TEMPLATE/X
            umount $FOLDER/all $FOLDER/m
            """, "yes\nRead-only file system\n" + Self.denied + "yes\n")
    }

    // MARK: mount.fuse3

    @Test(
        "setuid and drop_privileges of mount.fuse3: the daemon is that user, and has no right left",
        .needs("/sbin/mount.fuse3"))
    func dropped() throws {
        try check(
            """
            /sbin/mount.fuse3 "$ONEGATEFS#onegate" $FOLDER/m -o setuid=nobody,drop_privileges,env_file=$FOLDER/one_env
            p=$(pgrep -f "$ONEGATEFS onegate /dev/fd/")
            grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs)' /proc/$p/status | tr -s '\\t ' ' '
            attempt $AS cat $FOLDER/m/vm/8/STATE; put "$AS" $FOLDER/m/vm/8/USER_TEMPLATE/ACTIVE
            attempt $STRANGER ls $FOLDER/m; attempt ls $FOLDER/m
            until umount $FOLDER/m 2>/dev/null; do sleep 0.05; done
            until [ ! -e /proc/$p ]; do sleep 0.05; done
            """,
            """
            Uid: 65534 65534 65534 65534
            CapEff: 0000000000000000
            CapBnd: 0000000000000000
            NoNewPrivs: 1
            yes
            yes
            Permission denied
            Permission denied

            """)
    }

    @Test(
        "drop_privileges with allow_other needs default_permissions, or nobody would check",
        .needs("/sbin/mount.fuse3"))
    func droppedForAll() throws {
        try check(
            """
            options=drop_privileges,setuid=nobody,env_file=$FOLDER/one_env,allow_other,umask=022
            attempt /sbin/mount.fuse3 "$ONEGATEFS#onegate" $FOLDER/m -o $options
            until umount $FOLDER/m 2>/dev/null; do sleep 0.05; done
            /sbin/mount.fuse3 "$ONEGATEFS#onegate" $FOLDER/m -o $options,default_permissions
            attempt $STRANGER cat $FOLDER/m/vm/8/STATE; put "$STRANGER" $FOLDER/m/vm/8/USER_TEMPLATE/ACTIVE
            put "$AS" $FOLDER/m/vm/8/USER_TEMPLATE/ACTIVE
            until umount $FOLDER/m 2>/dev/null; do sleep 0.05; done
            """,
            "mount.fuse3 has made this mount so that nobody would check modes; with drop_privileges, allow_other "
                + "needs default_permissions too\nyes\n\(Self.denied)yes\n")
    }

    @Test("setuid alone: the user mounts through fusermount3", .needs("/sbin/mount.fuse3"))
    func setUser() throws {
        try check(
            """
            /sbin/mount.fuse3 "$ONEGATEFS#onegate" $FOLDER/m -o setuid=nobody,env_file=$FOLDER/one_env
            attempt $AS cat $FOLDER/m/vm/8/STATE; attempt ls $FOLDER/m
            $AS fusermount3 -u $FOLDER/m
            """, "yes\n" + Self.denied)
    }

    @Test("given to us, they are refused: to ignore them would be to stay root")
    func notOurs() throws {
        try check(
            """
            for option in setuid=nobody drop_privileges; do
                "$ONEGATEFS" -o env_file=$FOLDER/one_env,$option $FOLDER/m 2>&1 | sed 's/.*: //'
            done
            """, "use mount -t fuse.onegatefs\nuse mount -t fuse.onegatefs\n")
    }
}
