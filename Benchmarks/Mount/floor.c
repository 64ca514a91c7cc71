/*
 * The floor: a file system as small as possible that answers with the flags that onegatefs uses. What
 * is measured against it is what onegatefs does beyond what the kernel and libfuse cost.
 *
 * One folder, "vm", with folders "0" to "N-1", in each a file "STATE" that holds "RUNNING\n". Long timeouts, keep_cache, noflush for
 * what is opened to be read, no READ in the background, one thread that reads requests.
 */
#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char content[] = "RUNNING\n";
static struct fuse_session *session;
static fuse_ino_t folders;

enum { ROOT = 1, FOLDER = 2, FIRST = 3, THREADS = 1 };
/* The file in a folder. */
static const fuse_ino_t FILE_BIT = (fuse_ino_t)1 << 32;

static void init(void *data, struct fuse_conn_info *connection) {
    (void)data;
    connection->want &= ~(FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_ASYNC_READ | FUSE_CAP_SPLICE_READ |
                          FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
    connection->max_background = 1024;
}

static struct stat attributes(fuse_ino_t inode) {
    struct stat status = {.st_ino = inode, .st_nlink = 1};
    if (!(inode & FILE_BIT)) {
        status.st_mode = S_IFDIR | 0700;
    } else {
        status.st_mode = S_IFREG | 0600;
        status.st_size = sizeof content - 1;
    }
    return status;
}

static void lookup(fuse_req_t request, fuse_ino_t parent, const char *name) {
    fuse_ino_t inode = 0;
    if (parent == ROOT && strcmp(name, "vm") == 0) inode = FOLDER;
    if (parent == FOLDER && *name >= '0' && *name <= '9' && strtoul(name, NULL, 10) < folders)
        inode = FIRST + strtoul(name, NULL, 10);
    if (parent >= FIRST && !(parent & FILE_BIT) && strcmp(name, "STATE") == 0) inode = parent | FILE_BIT;
    if (inode == 0) {
        fuse_reply_err(request, ENOENT);
        return;
    }
    struct fuse_entry_param entry = {
        .ino = inode, .attr = attributes(inode), .attr_timeout = 86400, .entry_timeout = 86400};
    fuse_reply_entry(request, &entry);
}

static void getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file) {
    (void)file;
    struct stat status = attributes(inode);
    fuse_reply_attr(request, &status, 86400);
}

static void open_(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file) {
    (void)inode;
    file->keep_cache = 1;
    file->noflush = 1;
    fuse_reply_open(request, file);
}

static void read_(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset, struct fuse_file_info *file) {
    (void)inode;
    (void)file;
    size_t length = sizeof content - 1;
    if ((size_t)offset >= length) {
        fuse_reply_buf(request, NULL, 0);
    } else {
        size_t rest = length - offset;
        fuse_reply_buf(request, content + offset, rest < size ? rest : size);
    }
}

static void release(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file) {
    (void)inode;
    (void)file;
    fuse_reply_err(request, 0);
}

static void *work(void *argument) {
    struct fuse_buf buffer = {0};
    (void)argument;
    while (!fuse_session_exited(session)) {
        int size = fuse_session_receive_buf(session, &buffer);
        if (size > 0) {
            fuse_session_process_buf(session, &buffer);
        } else if (size != -EINTR) {
            break;
        }
    }
    free(buffer.mem);
    return NULL;
}

int main(int count, char **arguments) {
    static const struct fuse_lowlevel_ops operations = {
        .init = init, .lookup = lookup, .getattr = getattr, .open = open_, .read = read_, .release = release};
    if (count != 3) {
        fprintf(stderr, "usage: floor MOUNTPOINT FOLDERS\n");
        return 2;
    }
    folders = strtoul(arguments[2], NULL, 10);
    struct fuse_args options = FUSE_ARGS_INIT(0, NULL);
    fuse_opt_add_arg(&options, arguments[0]);
    fuse_opt_add_arg(&options, "-odefault_permissions,fsname=floor");
    session = fuse_session_new(&options, &operations, sizeof operations, NULL);
    if (session == NULL || fuse_session_mount(session, arguments[1]) != 0) return 1;
    pthread_t threads[THREADS];
    for (int index = 0; index < THREADS; index++) pthread_create(&threads[index], NULL, work, NULL);
    for (int index = 0; index < THREADS; index++) pthread_join(threads[index], NULL);
    fuse_session_destroy(session);
    return 0;
}
