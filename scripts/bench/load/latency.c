/* Round trip times since the last report, in nanoseconds. */
#include "load.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Enough for a window of ten seconds with 10 µs per round trip. Further samples are dropped. */
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

static int compare(const void *one, const void *other) {
  uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
  return (a > b) - (a < b);
}

static uint32_t quantile(double share) {
  return kept == 0 ? 0 : samples[(size_t)(share * (double)(kept - 1))];
}

void latency_report(char *text, size_t size) {
  qsort(samples, kept, sizeof samples[0], compare);
  snprintf(text, size, "\"p50\":%u,\"p99\":%u,\"p999\":%u", quantile(0.5), quantile(0.99), quantile(0.999));
  kept = 0;
}
