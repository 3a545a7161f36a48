/*
 * Power-cut recorder, loaded with LD_PRELOAD: writes down, in order, what a program does to the names and bytes of the
 * files under one folder, and which of it a sync has made stable. replay.ts turns the trace into images of the folder
 * as a power cut would have left it.
 *
 * Environment:
 *   POWER_ROOT      the folder that is watched; everything else passes through untouched
 *   POWER_TRACE     the trace, one event a line, tab separated (below)
 *   POWER_GRAVE     a folder on the same file system that keeps a hard link, named by inode, of every deleted file
 *   POWER_FAIL_AT   n: the n-th sync under the root and all later ones fail with EIO, without syncing
 *   POWER_DELAY     a file holding milliseconds: every sync under the root sleeps that long first
 *
 * Events, with paths relative to the root:
 *   C ino path        a file came to be                 M path            a folder came to be
 *   R ino from to     renamed (moved in: from is "-")   L ino from to     hard linked
 *   U ino path        unlinked                          X path            a folder was removed
 *   T ino length      truncated
 *   W ino offset hex  bytes written through write(2)    A ino size        a stdio stream has grown to this size
 *   B id ino          a sync began                      S id ino          that sync ended well
 *   E ino             a sync was made to fail           D id path         the sync of a folder ended well
 *
 * LevelDB writes with stdio, whose write(2) happens inside the C library and cannot be interposed. Its files only ever
 * grow, so their sizes, looked at before each event, say everything. Files written in place come through write(2) and
 * pwrite(2), and their bytes stand in the trace.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The C library's own function of that name, looked up once. */
#define NEXT(name)                             \
  ({                                           \
    static void *found;                        \
    if (!found) found = next(#name);           \
    (__typeof__(&name))found;                  \
  })
#define STREAMS 1024

static int trace = -1;
static char root[PATH_MAX];
static size_t root_length;
static const char *grave, *delay_file;
static long fail_at;
static atomic_long syncs;
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static struct { FILE *file; ino_t ino; off_t size; } streams[STREAMS];

static void *next(const char *name) {
  void *symbol = dlsym(RTLD_NEXT, name);
  if (!symbol) abort();
  return symbol;
}

__attribute__((constructor)) static void start(void) {
  const char *folder = getenv("POWER_ROOT"), *file = getenv("POWER_TRACE"), *fail = getenv("POWER_FAIL_AT");
  if (!folder || !realpath(folder, root)) return;
  root_length = strlen(root);
  grave = getenv("POWER_GRAVE");
  delay_file = getenv("POWER_DELAY");
  if (fail) fail_at = atol(fail);
  if (file) trace = NEXT(open)(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

/* The path relative to the root, "." for the root itself, or NULL when it lies elsewhere. */
static const char *inside(const char *path) {
  if (!root_length || strncmp(path, root, root_length) != 0) return NULL;
  if (path[root_length] == '/') return path + root_length + 1;
  return path[root_length] == 0 ? "." : NULL;
}

/* Like inside, for a path as the program wrote it: the parent is resolved, the last part need not exist. */
static const char *resolve(const char *path, char *out) {
  char parent[PATH_MAX];
  if (!root_length || strlen(path) >= PATH_MAX) return NULL;
  strcpy(parent, path);
  char *slash = strrchr(parent, '/');
  const char *base = slash ? path + (slash - parent) + 1 : path;
  if (slash) slash[slash == parent ? 1 : 0] = 0;
  if (!realpath(slash ? parent : ".", out)) return NULL;
  if (strlen(out) + strlen(base) + 2 > PATH_MAX) return NULL;
  if (*base) strcat(strcat(out, "/"), base);
  return inside(out);
}

/* Like inside, for an open file that is regular or a folder. Sockets and pipes are turned away without a readlink. */
static const char *of_descriptor(int fd, char *out, struct stat *info) {
  char link[64];
  if (!root_length || fstat(fd, info) != 0 || !(S_ISREG(info->st_mode) || S_ISDIR(info->st_mode))) return NULL;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, out, PATH_MAX - 1);
  if (length < 0) return NULL;
  out[length] = 0;
  return inside(out);
}

static void put(const char *text, size_t length) {
  if (trace >= 0 && NEXT(write)(trace, text, length) != (ssize_t)length) abort();
}

static void look_at_streams(void) {
  for (int i = 0; i < STREAMS; i++) {
    struct stat info;
    char line[64];
    if (!streams[i].file || fstat(fileno(streams[i].file), &info) != 0 || info.st_size == streams[i].size) continue;
    streams[i].size = info.st_size;
    put(line, snprintf(line, sizeof line, "A\t%lu\t%lld\n", streams[i].ino, (long long)info.st_size));
  }
}

static void event(const char *format, ...) {
  char line[2 * PATH_MAX + 64];
  int saved = errno;
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  pthread_mutex_lock(&lock);
  look_at_streams();
  put(line, length);
  pthread_mutex_unlock(&lock);
  errno = saved;
}

static void keep(const char *path, ino_t ino) {
  char to[PATH_MAX];
  if (!grave) return;
  snprintf(to, sizeof to, "%s/%lu", grave, ino);
  if (NEXT(link)(path, to) != 0 && errno != EEXIST) abort();
}

/* ---- syncs ---- */

static void sleep_if_told(void) {
  char text[16] = {0};
  int fd = delay_file ? NEXT(open)(delay_file, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  long ms = read(fd, text, sizeof text - 1) > 0 ? atol(text) : 0;
  close(fd);
  struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

static int sync_with(int (*real)(int), int fd) {
  char path[PATH_MAX];
  struct stat info;
  const char *name = of_descriptor(fd, path, &info);
  if (!name) return real(fd);
  long id = ++syncs;
  sleep_if_told();
  if (fail_at && id >= fail_at) {
    event("E\t%lu\n", info.st_ino);
    errno = EIO;
    return -1;
  }
  event("B\t%ld\t%lu\n", id, info.st_ino);
  int result = real(fd);
  if (result != 0) return result;
  if (S_ISDIR(info.st_mode)) event("D\t%ld\t%s\n", id, name);
  else event("S\t%ld\t%lu\n", id, info.st_ino);
  return 0;
}

int fsync(int fd) { return sync_with(NEXT(fsync), fd); }
int fdatasync(int fd) { return sync_with(NEXT(fdatasync), fd); }

/* ---- names: done and written down under one lock, so that the trace has their true order ---- */

int rename(const char *from, const char *to) {
  char a[PATH_MAX], b[PATH_MAX];
  const char *source = resolve(from, a), *target = resolve(to, b);
  struct stat old, info;
  if (!source && !target) return NEXT(rename)(from, to);
  pthread_mutex_lock(&lock);
  if (target && lstat(to, &old) == 0 && S_ISREG(old.st_mode)) keep(to, old.st_ino);
  int result = NEXT(rename)(from, to);
  if (result == 0 && lstat(to, &info) == 0) {
    if (target) event("R\t%lu\t%s\t%s\n", info.st_ino, source ? source : "-", target);
    else event("U\t%lu\t%s\n", info.st_ino, source);
  }
  pthread_mutex_unlock(&lock);
  return result;
}

int unlink(const char *path) {
  char resolved[PATH_MAX];
  const char *name = resolve(path, resolved);
  struct stat info;
  if (!name) return NEXT(unlink)(path);
  pthread_mutex_lock(&lock);
  int known = lstat(path, &info) == 0;
  if (known) keep(path, info.st_ino);
  int result = NEXT(unlink)(path);
  if (result == 0 && known) event("U\t%lu\t%s\n", info.st_ino, name);
  pthread_mutex_unlock(&lock);
  return result;
}

int link(const char *from, const char *to) {
  char a[PATH_MAX], b[PATH_MAX];
  const char *source = resolve(from, a), *target = resolve(to, b);
  struct stat info;
  if (!target) return NEXT(link)(from, to);
  pthread_mutex_lock(&lock);
  int result = NEXT(link)(from, to);
  if (result == 0 && lstat(to, &info) == 0) event("L\t%lu\t%s\t%s\n", info.st_ino, source ? source : "-", target);
  pthread_mutex_unlock(&lock);
  return result;
}

int rmdir(const char *path) {
  char resolved[PATH_MAX];
  const char *name = resolve(path, resolved);
  pthread_mutex_lock(&lock);
  int result = NEXT(rmdir)(path);
  if (result == 0 && name) event("X\t%s\n", name);
  pthread_mutex_unlock(&lock);
  return result;
}

int mkdir(const char *path, mode_t mode) {
  char resolved[PATH_MAX];
  const char *name = resolve(path, resolved);
  pthread_mutex_lock(&lock);
  int result = NEXT(mkdir)(path, mode);
  if (result == 0 && name) event("M\t%s\n", name);
  pthread_mutex_unlock(&lock);
  return result;
}

/* ---- opening: a new name, or a truncation ---- */

static void opened(const char *name, int fd, int existed, int truncates) {
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return;
  if (!existed) event("C\t%lu\t%s\n", info.st_ino, name);
  else if (truncates) event("T\t%lu\t0\n", info.st_ino);
}

static int open_with(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
  char resolved[PATH_MAX];
  struct stat info;
  const char *name = flags & (O_CREAT | O_TRUNC) ? resolve(path, resolved) : NULL;
  if (!name) return real(path, flags, mode);
  pthread_mutex_lock(&lock);
  int existed = stat(path, &info) == 0;
  int fd = real(path, flags, mode);
  if (fd >= 0) opened(name, fd, existed, flags & O_TRUNC);
  pthread_mutex_unlock(&lock);
  return fd;
}

static mode_t mode_of(int flags, va_list arguments) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, int) : 0; }

#define OPEN(name)                                   \
  int name(const char *path, int flags, ...) {       \
    va_list arguments;                               \
    va_start(arguments, flags);                      \
    mode_t mode = mode_of(flags, arguments);         \
    va_end(arguments);                               \
    return open_with(NEXT(name), path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

static FILE *fopen_with(FILE *(*real)(const char *, const char *), const char *path, const char *mode) {
  char resolved[PATH_MAX];
  struct stat info;
  const char *name = *mode == 'r' ? NULL : resolve(path, resolved);
  if (!name) return real(path, mode);
  pthread_mutex_lock(&lock);
  int existed = stat(path, &info) == 0, at = 0;
  FILE *file = real(path, mode);
  if (file) {
    opened(name, fileno(file), existed, *mode == 'w');
    while (at < STREAMS && streams[at].file) at++;
    if (at == STREAMS || fstat(fileno(file), &info) != 0) abort();
    streams[at].file = file;
    streams[at].ino = info.st_ino;
    streams[at].size = info.st_size;
  }
  pthread_mutex_unlock(&lock);
  return file;
}

FILE *fopen(const char *path, const char *mode) { return fopen_with(NEXT(fopen), path, mode); }
FILE *fopen64(const char *path, const char *mode) { return fopen_with(NEXT(fopen64), path, mode); }

/* LevelDB flushes after each record. */
int fflush_unlocked(FILE *file) {
  int result = NEXT(fflush_unlocked)(file);
  if (!root_length) return result;
  pthread_mutex_lock(&lock);
  look_at_streams();
  pthread_mutex_unlock(&lock);
  return result;
}

int fclose(FILE *file) {
  pthread_mutex_lock(&lock);
  for (int i = 0; i < STREAMS; i++) {
    if (streams[i].file != file) continue;
    fflush(file);
    look_at_streams();
    streams[i].file = NULL;
  }
  int result = NEXT(fclose)(file);
  pthread_mutex_unlock(&lock);
  return result;
}

/* ---- bytes written in place ---- */

static void bytes(ino_t ino, off_t offset, const unsigned char *data, size_t length) {
  size_t room = 2 * length + 64, at;
  char *line = malloc(room);
  if (!line) abort();
  at = snprintf(line, room, "W\t%lu\t%lld\t", ino, (long long)offset);
  for (size_t i = 0; i < length; i++, at += 2) sprintf(line + at, "%02x", data[i]);
  line[at++] = '\n';
  look_at_streams();
  put(line, at);
  free(line);
}

static void written(ino_t ino, off_t offset, const struct iovec *parts, int count, ssize_t left) {
  int saved = errno;
  for (int i = 0; i < count && left > 0; i++) {
    size_t length = (size_t)left < parts[i].iov_len ? (size_t)left : parts[i].iov_len;
    bytes(ino, offset, parts[i].iov_base, length);
    offset += length;
    left -= length;
  }
  errno = saved;
}

/* offset < 0 means "where the descriptor stands". */
static ssize_t write_at(int fd, const struct iovec *parts, int count, off_t offset) {
  char path[PATH_MAX];
  struct stat info;
  int watched = fd != trace && of_descriptor(fd, path, &info) != NULL;
  if (watched) pthread_mutex_lock(&lock);
  ssize_t done = offset < 0 ? NEXT(writev)(fd, parts, count) : NEXT(pwritev64)(fd, parts, count, offset);
  if (watched) {
    if (done > 0) written(info.st_ino, offset < 0 ? lseek(fd, 0, SEEK_CUR) - done : offset, parts, count, done);
    pthread_mutex_unlock(&lock);
  }
  return done;
}

ssize_t write(int fd, const void *data, size_t length) {
  struct iovec part = {(void *)data, length};
  return write_at(fd, &part, 1, -1);
}
ssize_t writev(int fd, const struct iovec *parts, int count) { return write_at(fd, parts, count, -1); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
  struct iovec part = {(void *)data, length};
  return write_at(fd, &part, 1, offset);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return write_at(fd, parts, count, offset);
}

int ftruncate64(int fd, off64_t length) {
  char path[PATH_MAX];
  struct stat info;
  int watched = of_descriptor(fd, path, &info) != NULL;
  pthread_mutex_lock(&lock);
  int result = NEXT(ftruncate64)(fd, length);
  if (watched && result == 0) event("T\t%lu\t%lld\n", info.st_ino, (long long)length);
  pthread_mutex_unlock(&lock);
  return result;
}
