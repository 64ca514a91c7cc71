/* glibc 2.35 gave hypot and hypotf new versions that only differ in errno. With the old ones the program also runs on
 * distributions with glibc 2.34, such as RHEL 9. Linked with --wrap=hypot and --wrap=hypotf. */

#if defined(__x86_64__)
#define BASE "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define BASE "GLIBC_2.17"
#endif

__asm__(".symver base_hypot, hypot@" BASE);
__asm__(".symver base_hypotf, hypotf@" BASE);

double base_hypot(double x, double y);
float base_hypotf(float x, float y);

double __wrap_hypot(double x, double y) { return base_hypot(x, y); }
float __wrap_hypotf(float x, float y) { return base_hypotf(x, y); }
