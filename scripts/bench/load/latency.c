/* Round trips since the last report, in nanoseconds. */
#include "load.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A window of ten seconds at 10 µs each; more are counted but not kept. */
enum { MAX_SAMPLES = 1 << 20 };

static uint32_t samples[MAX_SAMPLES];
static size_t kept;

uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void latency_add(uint64_t ns) {
  if (kept < MAX_SAMPLES) samples[kept++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static int by_size(const void *one, const void *other) {
  uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
  return (a > b) - (a < b);
}

static uint32_t at(double share) {
  return kept == 0 ? 0 : samples[(size_t)(share * (double)(kept - 1))];
}

void latency_report(char *text, size_t size) {
  qsort(samples, kept, sizeof samples[0], by_size);
  snprintf(text, size, "\"p50\":%u,\"p99\":%u,\"p999\":%u", at(0.5), at(0.99), at(0.999));
  kept = 0;
}
