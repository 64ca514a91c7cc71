/*
 * Times file operations side by side: rounds in turn over all given files, so that what disturbs the
 * machine disturbs all of them.
 *
 * measure read|stat SECONDS THREADS FILE...
 *
 * prints for each file the median over the rounds, in nanoseconds an operation (of one thread), and
 * its path. An operation is open(2), read(2) and close(2), or stat(2).
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { OPERATIONS = 500, ROUNDS = 4000 };

static int reads;
static const char *path;
static pthread_barrier_t barrier;
static int finished;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static void operate(void) {
    char buffer[4096];
    struct stat status;
    for (int index = 0; index < OPERATIONS; index++) {
        if (reads) {
            int file = open(path, O_RDONLY | O_CLOEXEC);
            if (file < 0 || read(file, buffer, sizeof buffer) <= 0) {
                perror(path);
                exit(1);
            }
            close(file);
        } else if (stat(path, &status) != 0) {
            perror(path);
            exit(1);
        }
    }
}

static void *work(void *argument) {
    for (;;) {
        pthread_barrier_wait(&barrier);
        if (finished) return argument;
        operate();
        pthread_barrier_wait(&barrier);
    }
}

static int compare(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return difference < 0 ? -1 : difference > 0;
}

int main(int count, char **arguments) {
    if (count < 5) {
        fprintf(stderr, "usage: measure read|stat SECONDS THREADS FILE...\n");
        return 2;
    }
    reads = strcmp(arguments[1], "read") == 0;
    double end = now() + atof(arguments[2]);
    int threads = atoi(arguments[3]);
    int files = count - 4;
    double *times = calloc((size_t)files * ROUNDS, sizeof *times);
    pthread_barrier_init(&barrier, NULL, threads + 1);
    for (int index = 0; index < threads; index++) {
        pthread_t thread;
        pthread_create(&thread, NULL, work, NULL);
    }
    int rounds = 0;
    while ((now() < end || rounds < 3) && rounds < ROUNDS) {
        for (int file = 0; file < files; file++) {
            path = arguments[4 + file];
            double start = now();
            pthread_barrier_wait(&barrier);
            pthread_barrier_wait(&barrier);
            times[file * ROUNDS + rounds] = (now() - start) / OPERATIONS / threads * 1e9;
        }
        rounds++;
    }
    finished = 1;
    pthread_barrier_wait(&barrier);
    for (int file = 0; file < files; file++) {
        qsort(times + file * ROUNDS, rounds, sizeof *times, compare);
        printf("%.0f %s\n", times[file * ROUNDS + rounds / 2], arguments[4 + file]);
    }
    return 0;
}
