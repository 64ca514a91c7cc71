#pragma once

// The API of libfuse 3.12: all that is used here, and no more than older distributions have.
#define FUSE_USE_VERSION 312

#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/capability.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/// fork(2), which Swift marks as unavailable. Only for a process with one thread.
static inline pid_t cfuse_fork(void) { return fork(); }

/// Does nothing: a signal with this handler only makes a blocking system call end with EINTR.
static inline void cfuse_ignore_signal(int signal) { (void)signal; }

/// sigaction(2) with a union that Swift spells differently on every platform. Without SA_RESTART.
static inline int cfuse_interrupt_calls_with(int signal) {
    struct sigaction action = {0};
    action.sa_handler = cfuse_ignore_signal;
    return sigaction(signal, &action, NULL);
}

/// SIG_IGN is a macro with a cast, which Swift does not import.
static inline int cfuse_ignore(int signal) {
    struct sigaction action = {0};
    action.sa_handler = SIG_IGN;
    return sigaction(signal, &action, NULL);
}

// glibc declares these with _GNU_SOURCE only, which Swift's import of the C library does not define.
extern int pipe2(int descriptors[2], int flags);
extern int dup3(int descriptor, int target, int flags);
extern int pthread_setname_np(pthread_t thread, const char *name);

/// pipe2(2)
static inline int cfuse_pipe(int descriptors[2], int flags) { return pipe2(descriptors, flags); }

/// dup3(2)
static inline int cfuse_replace(int descriptor, int target, int flags) { return dup3(descriptor, target, flags); }

/// pthread_setname_np(3)
static inline int cfuse_name_thread(pthread_t thread, const char *name) { return pthread_setname_np(thread, name); }

/// eventfd(2) that does not block
static inline int cfuse_event_counter(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

/*
 * timerfd_create(2) and timerfd_settime(2) of the clock that goes on while the machine sleeps. A timer of
 * CLOCK_MONOTONIC would be late by as long as that was.
 */
static inline int cfuse_timer(void) { return timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK); }

static inline int cfuse_set_timer(int timer, long long seconds, long nanoseconds) {
    struct itimerspec spec = {{0, 0}, {(time_t)seconds, nanoseconds}};
    return timerfd_settime(timer, 0, &spec, NULL);
}

/* A timer that never fires, but is cancelled when the time of day is set and when the machine wakes up. */
static inline int cfuse_clock_witness(void) {
    return timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
}

static inline int cfuse_set_clock_witness(int timer) {
    struct itimerspec spec = {{0, 0}, {(time_t)0x1ffffffff, 0}};
    return timerfd_settime(timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL);
}

/* close_range(2) with CLOSE_RANGE_UNSHARE: all but the standard ones, for this thread. glibc before 2.34 does not have it. */
static inline int cfuse_leave_descriptors(void) {
    const unsigned int unshare = 2;
    return (int)syscall(436 /* SYS_close_range */, 3U, ~0U, unshare);
}

/* M_MMAP_THRESHOLD of mallopt(3): Swift's module of the C library leaves <malloc.h> out, and musl has it not. */
static inline void cfuse_return_blocks_from(int size) {
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, size);
#else
    (void)size;
#endif
}

/* gettid(2): a GNU extension that Swift's module of the C library leaves out. */
static inline int cfuse_thread_id(void) { return (int)syscall(SYS_gettid); }

/*
 * open_tree(2) with OPEN_TREE_CLONE: a mount of the same file system that is attached nowhere. glibc before 2.36 does
 * not have it, and <linux/mount.h> does not go with <sys/mount.h>.
 */
static inline int cfuse_clone_mount(const char *path) {
    const unsigned int clone = 1;
    return (int)syscall(428 /* SYS_open_tree */, AT_FDCWD, path, clone | O_CLOEXEC);
}

/*
 * mount_setattr(2) with MOUNT_ATTR_RDONLY: sets or clears it for one mount, not for the file system. The mount is that at a
 * path, or with an empty path the one that a descriptor was opened on. glibc before 2.36 does not have it.
 */
static inline int cfuse_set_read_only(int descriptor, const char *path, int read_only) {
    const unsigned long long flag = 1;
    struct {
        unsigned long long set, clear, propagation, user_namespace;
    } attributes = {read_only ? flag : 0, read_only ? 0 : flag, 0, 0};
    const unsigned int empty_path = 0x1000;
    return (int)syscall(442 /* SYS_mount_setattr */, descriptor, path, *path ? 0 : empty_path, &attributes,
                        sizeof attributes);
}


/* prctl(2) takes a variable number of arguments, which Swift does not call. */
static inline int cfuse_prctl(int option, unsigned long value) { return prctl(option, value, 0UL, 0UL, 0UL); }

/* capset(2), which glibc leaves to libcap: these capabilities of capabilities(7), a bit each, are permitted and effective. */
static inline int cfuse_set_capabilities(unsigned long long set) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    for (int word = 0; word < _LINUX_CAPABILITY_U32S_3; word++) {
        data[word].effective = data[word].permitted = (unsigned int)(set >> (32 * word));
        data[word].inheritable = 0;
    }
    return (int)syscall(SYS_capset, &header, data);
}

/* capget(2): the permitted ones, or 0. */
static inline unsigned long long cfuse_capabilities(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capget, &header, data) != 0) return 0;
    return data[0].permitted | (unsigned long long)data[1].permitted << 32;
}
