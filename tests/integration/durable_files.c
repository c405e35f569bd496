/* Loaded into the broker by LD_PRELOAD: remembers, outside its data directory, what it has made durable.
 *
 *   LEVERET_WATCH   the data directory
 *   LEVERET_SHADOW  where to remember it:
 *       ids         "INODE ID\n" a file, in the order of creation; the last line of an inode counts
 *       images/ID   the file's content as of its last fsync or fdatasync
 *       names/DIR   "ID NAME\n" an entry, as of the directory's last fsync (DIR: its path, '/' as '%';
 *                   %top: the data directory itself)
 *
 * The harness fills all three before the start (what is there then is durable) and, after kill -9, builds the
 * directory anew from names and images. What a write, ftruncate or fallocate changed since the last sync of its file,
 * and every create, rename and unlink since the last sync of its directory, is thus undone, or torn page by page.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILES_MAX = 16384, RANGES_MAX = 32 };

struct range { off_t begin, end; };
struct file {
    ino_t inode;
    long id;
    int range_count;
    struct range ranges[RANGES_MAX]; /* changed since the last sync */
};

static char watch[PATH_MAX], shadow[PATH_MAX];
static dev_t device;
static int active;
static long last_id;
static struct file *files;
static int file_count;
static FILE *ids;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#define REAL(type, name, ...)                                   \
    static type (*real_##name)(__VA_ARGS__);                    \
    if (!real_##name) *(void **)&real_##name = dlsym(RTLD_NEXT, #name)

static void give_up(const char *what) {
    dprintf(2, "durable_files: %s: %s\n", what, strerror(errno));
    _exit(99);
}

static struct file *find(ino_t inode) {
    for (int i = file_count - 1; i >= 0; i--)
        if (files[i].inode == inode) return &files[i];
    return NULL;
}

/* An inode that is new, or used again. */
static struct file *add(ino_t inode, long id) {
    if (file_count == FILES_MAX) give_up("too many files");
    struct file *file = find(inode);
    if (!file) file = &files[file_count++];
    memset(file, 0, sizeof *file);
    file->inode = inode;
    file->id = id;
    if (id > last_id) last_id = id;
    return file;
}

static struct file *add_new(ino_t inode) {
    struct file *file = add(inode, last_id + 1);
    fprintf(ids, "%lu %ld\n", (unsigned long)inode, file->id);
    fflush(ids);
    return file;
}

__attribute__((constructor)) static void begin(void) {
    const char *w = getenv("LEVERET_WATCH"), *s = getenv("LEVERET_SHADOW");
    struct stat status;
    if (!w || !s || !realpath(w, watch) || !realpath(s, shadow) || stat(watch, &status)) return;
    unsetenv("LD_PRELOAD"); /* what the broker starts is not watched */
    device = status.st_dev;
    files = calloc(FILES_MAX, sizeof *files);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.4000s/ids", shadow);
    FILE *in = fopen(path, "r");
    unsigned long inode;
    long id;
    while (in && fscanf(in, "%lu %ld", &inode, &id) == 2) add(inode, id);
    if (in) fclose(in);
    ids = fopen(path, "a");
    if (!ids) give_up(path);
    active = 1;
}

static int below(const char *path) {
    size_t size = strlen(watch);
    return !strncmp(path, watch, size) && (path[size] == '/' || !path[size]);
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return below(path);
}

/* The file behind fd if it is a plain one of the data directory. Called with the mutex held. */
static struct file *watched(int fd, struct stat *status) {
    char path[PATH_MAX];
    if (fstat(fd, status) || status->st_dev != device || !S_ISREG(status->st_mode)) return NULL;
    struct file *file = find(status->st_ino);
    if (!file && path_of(fd, path)) file = add_new(status->st_ino);
    return file;
}

static void mark(struct file *file, off_t begin, off_t end) {
    for (int i = 0; i < file->range_count; i++) {
        struct range *range = &file->ranges[i];
        if (begin <= range->end && end >= range->begin) {
            if (begin < range->begin) range->begin = begin;
            if (end > range->end) range->end = end;
            return;
        }
    }
    if (file->range_count < RANGES_MAX) {
        file->ranges[file->range_count++] = (struct range){begin, end};
        return;
    }
    for (int i = 1; i < RANGES_MAX; i++) { /* too many: one that covers all */
        if (file->ranges[i].begin < begin) begin = file->ranges[i].begin;
        if (file->ranges[i].end > end) end = file->ranges[i].end;
    }
    if (file->ranges[0].begin < begin) begin = file->ranges[0].begin;
    if (file->ranges[0].end > end) end = file->ranges[0].end;
    file->ranges[0] = (struct range){begin, end};
    file->range_count = 1;
}

static void changed(int fd, off_t begin, off_t end) {
    if (!active) return;
    int error = errno;
    struct stat status;
    pthread_mutex_lock(&mutex);
    struct file *file = watched(fd, &status);
    if (file) mark(file, begin, end);
    pthread_mutex_unlock(&mutex);
    errno = error;
}

static void changed_at_position(int fd, ssize_t size) {
    if (!active || size <= 0) return;
    int error = errno;
    off_t end = lseek(fd, 0, SEEK_CUR);
    if (end >= 0) changed(fd, end - size, end);
    errno = error;
}

static ssize_t copy_out(int from, int to, off_t begin, off_t end) {
    static char buffer[1 << 20]; /* under the mutex */
    while (begin < end) {
        size_t want = end - begin < (off_t)sizeof buffer ? (size_t)(end - begin) : sizeof buffer;
        ssize_t got = pread(from, buffer, want, begin);
        if (got <= 0) return got;
        REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
        if (real_pwrite(to, buffer, got, begin) != got) give_up("image");
        begin += got;
    }
    return 0;
}

/* What a sync that begins now makes durable: taken before it, since others write on meanwhile. */
static int begin_sync(int fd, struct file *taken) {
    struct stat status;
    if (!active) return 0;
    pthread_mutex_lock(&mutex);
    struct file *file = watched(fd, &status);
    if (file) {
        *taken = *file;
        file->range_count = 0;
    }
    pthread_mutex_unlock(&mutex);
    return file != NULL;
}

static void remember_file(int fd, const struct file *taken) {
    struct stat status;
    if (fstat(fd, &status)) return;
    char path[PATH_MAX], source_path[64];
    snprintf(path, sizeof path, "%.4000s/images/%ld", shadow, taken->id);
    REAL(int, open, const char *, int, ...);
    REAL(int, ftruncate, int, off_t);
    int is_new = access(path, F_OK);
    int image = real_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    /* Its own descriptor: the broker's may be write-only. */
    snprintf(source_path, sizeof source_path, "/proc/self/fd/%d", fd);
    int source = real_open(source_path, O_RDONLY | O_CLOEXEC);
    if (image < 0 || source < 0) give_up(path);
    if (is_new || (!taken->range_count && status.st_size <= 1 << 20)) { /* stdio's writes are not seen */
        copy_out(source, image, 0, status.st_size);
    }
    for (int i = 0; i < taken->range_count; i++) {
        off_t end = taken->ranges[i].end < status.st_size ? taken->ranges[i].end : status.st_size;
        copy_out(source, image, taken->ranges[i].begin, end);
    }
    if (real_ftruncate(image, status.st_size)) give_up(path);
    close(source);
    close(image);
}

static void remember_directory(const char *path) {
    char name[PATH_MAX], target[2 * PATH_MAX], fresh[2 * PATH_MAX + 8];
    snprintf(name, sizeof name, "%.4000s", path[strlen(watch)] ? path + strlen(watch) + 1 : "%top");
    for (char *at = name; *at; at++)
        if (*at == '/') *at = '%';
    snprintf(target, sizeof target, "%.4000s/names/%.4000s", shadow, name);
    snprintf(fresh, sizeof fresh, "%s.new", target);
    DIR *directory = opendir(path);
    REAL(FILE *, fopen, const char *, const char *);
    FILE *out = real_fopen(fresh, "w");
    if (!directory || !out) give_up(target);
    for (struct dirent *entry; (entry = readdir(directory));) {
        struct stat status;
        if (fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW)) continue;
        if (!S_ISREG(status.st_mode)) continue;
        struct file *file = find(status.st_ino);
        if (!file) file = add_new(status.st_ino);
        fprintf(out, "%ld %s\n", file->id, entry->d_name);
    }
    closedir(directory);
    fclose(out);
    REAL(int, rename, const char *, const char *);
    if (real_rename(fresh, target)) give_up(target);
}

static void end_sync(int fd, int result, int is_file, const struct file *taken) {
    if (!active) return;
    int error = errno;
    struct stat status;
    char path[PATH_MAX];
    pthread_mutex_lock(&mutex);
    if (result) {
        for (int i = 0; is_file && i < taken->range_count; i++)
            mark(find(taken->inode), taken->ranges[i].begin, taken->ranges[i].end);
    } else if (is_file) {
        remember_file(fd, taken);
    } else if (!fstat(fd, &status) && S_ISDIR(status.st_mode) && path_of(fd, path)) {
        remember_directory(path);
    }
    pthread_mutex_unlock(&mutex);
    errno = error;
}

static void created(int fd, int was_there, int truncated) {
    if (!active || fd < 0 || (was_there && !truncated)) return;
    int error = errno;
    struct stat status;
    char path[PATH_MAX];
    pthread_mutex_lock(&mutex);
    if (!fstat(fd, &status) && S_ISREG(status.st_mode) && path_of(fd, path)) {
        if (!was_there) {
            add_new(status.st_ino);
        } else {
            struct file *file = watched(fd, &status);
            if (file) mark(file, 0, LONG_MAX);
        }
    }
    pthread_mutex_unlock(&mutex);
    errno = error;
}

#define OPEN(name, parameters, directory, call)                                        \
    int name parameters {                                                              \
        mode_t mode = 0;                                                               \
        if (flags & (O_CREAT | __O_TMPFILE)) {                                         \
            va_list list;                                                              \
            va_start(list, flags);                                                     \
            mode = va_arg(list, mode_t);                                               \
            va_end(list);                                                              \
        }                                                                              \
        int was_there = !active || !(flags & O_CREAT) || !faccessat(directory, path, F_OK, 0); \
        int fd = call;                                                                 \
        created(fd, was_there, flags & O_TRUNC);                                       \
        return fd;                                                                     \
    }
static int open_next(const char *path, int flags, mode_t mode) {
    REAL(int, open, const char *, int, ...);
    return real_open(path, flags, mode);
}
static int openat_next(int directory, const char *path, int flags, mode_t mode) {
    REAL(int, openat, int, const char *, int, ...);
    return real_openat(directory, path, flags, mode);
}
OPEN(open, (const char *path, int flags, ...), AT_FDCWD, open_next(path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD, open_next(path, flags, mode))
OPEN(openat, (int directory, const char *path, int flags, ...), directory,
     openat_next(directory, path, flags, mode))
OPEN(openat64, (int directory, const char *path, int flags, ...), directory,
     openat_next(directory, path, flags, mode))
int creat(const char *path, mode_t mode) { return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

#define FOPEN(name)                                                   \
    FILE *name(const char *path, const char *mode) {                  \
        REAL(FILE *, name, const char *, const char *);               \
        int was_there = !active || !access(path, F_OK);               \
        FILE *file = real_##name(path, mode);                         \
        if (file) created(fileno(file), was_there, *mode == 'w');     \
        return file;                                                  \
    }
FOPEN(fopen)
FOPEN(fopen64)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    ssize_t done = real_write(fd, data, size);
    changed_at_position(fd, done);
    return done;
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    ssize_t done = real_writev(fd, parts, count);
    changed_at_position(fd, done);
    return done;
}

#define AT_OFFSET(type, name, parameters, arguments, ...)      \
    type name parameters {                                     \
        REAL(type, name, __VA_ARGS__);                         \
        type done = real_##name arguments;                     \
        if (done > 0) changed(fd, offset, offset + done);      \
        return done;                                           \
    }
AT_OFFSET(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t offset),
          (fd, data, size, offset), int, const void *, size_t, off_t)
AT_OFFSET(ssize_t, pwrite64, (int fd, const void *data, size_t size, off_t offset),
          (fd, data, size, offset), int, const void *, size_t, off_t)
AT_OFFSET(ssize_t, pwritev, (int fd, const struct iovec *parts, int count, off_t offset),
          (fd, parts, count, offset), int, const struct iovec *, int, off_t)
AT_OFFSET(ssize_t, pwritev64, (int fd, const struct iovec *parts, int count, off_t offset),
          (fd, parts, count, offset), int, const struct iovec *, int, off_t)

#define FTRUNCATE(name)                                        \
    int name(int fd, off_t size) {                             \
        REAL(int, name, int, off_t);                           \
        int result = real_##name(fd, size);                    \
        if (!result) changed(fd, size, LONG_MAX);              \
        return result;                                         \
    }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

#define FALLOCATE(name)                                        \
    int name(int fd, int mode, off_t offset, off_t size) {     \
        REAL(int, name, int, int, off_t, off_t);               \
        int result = real_##name(fd, mode, offset, size);      \
        if (!result) changed(fd, offset, offset + size);       \
        return result;                                         \
    }
FALLOCATE(fallocate)
FALLOCATE(fallocate64)
#define POSIX_FALLOCATE(name)                                  \
    int name(int fd, off_t offset, off_t size) {               \
        REAL(int, name, int, off_t, off_t);                    \
        int result = real_##name(fd, offset, size);            \
        if (!result) changed(fd, offset, offset + size);       \
        return result;                                         \
    }
POSIX_FALLOCATE(posix_fallocate)
POSIX_FALLOCATE(posix_fallocate64)

#define SYNC(name)                                             \
    int name(int fd) {                                         \
        REAL(int, name, int);                                  \
        struct file taken;                                     \
        int is_file = begin_sync(fd, &taken);                  \
        int result = real_##name(fd);                          \
        end_sync(fd, result, is_file, &taken);                 \
        return result;                                         \
    }
SYNC(fsync)
SYNC(fdatasync)
