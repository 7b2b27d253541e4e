/* Reads commands as lines from stdin and answers each with a line on stdout. The first line on stdout is the port of the desktop. */
#include "load.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct counters counted;
unsigned verifying;
uint8_t scratch[READ_AT_ONCE];

/* The sessions that remain to be opened. They are opened one after the other, so that the desktop matches its connections to them. */
static struct {
  int left, port;
  enum role role;
  const struct script *script;
  const struct block *block;
  uint64_t opened, accepted;
} opening;

/* The desktop is in another process, so this process accepts no connections. */
static bool remote_desktop;

static const char *pending;
static struct conn input;

static void answer(const char *text) {
  printf("%s\n", text);
  fflush(stdout);
}

static void mark(void) {
  struct timespec cpu;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  char latency[128];
  latency_report(latency, sizeof latency);
  printf("{\"ns\":%llu,\"cpu\":%llu,\"up\":%llu,\"down\":%llu,\"trips\":%llu,\"opened\":%llu,\"resumed\":%llu,\"lost\":%llu,\"wrong\":%llu,%s}\n",
         (unsigned long long)now_ns(), (unsigned long long)cpu.tv_sec * 1000000000u + (unsigned long long)cpu.tv_nsec,
         (unsigned long long)counted.up, (unsigned long long)counted.down, (unsigned long long)counted.trips,
         (unsigned long long)counted.opened, (unsigned long long)counted.resumed, (unsigned long long)counted.lost, (unsigned long long)counted.wrong, latency);
  fflush(stdout);
}

static enum role role_of(const char *name) {
  static const char *const names[] = {"idle", "down", "up", "echo"};
  for (int i = 0; i < 4; i++)
    if (strcmp(names[i], name) == 0) return (enum role)i;
  fprintf(stderr, "load: no role %s\n", name);
  exit(1);
}

static void command(char *line) {
  char role[16], script[512], block[512];
  int count, port, resume, first, second;
  if (sscanf(line, "open %15s %d %d %511s %511s", role, &count, &port, script, block) == 5) {
    opening.left = count;
    opening.port = port;
    opening.role = role_of(role);
    opening.script = read_script(script);
    opening.block = read_block(block);
    opening.opened = counted.opened;
    opening.accepted = counted.accepted;
    target_role(opening.role, opening.block);
    pending = "open";
  } else if (sscanf(line, "churn %d %d %511s %d", &count, &port, script, &resume) == 4) {
    target_role(IDLE, NULL);
    for (int i = 0; i < count; i++) session_open(port, IDLE, read_script(script), NULL, resume, true);
    answer("ok");
  } else if (sscanf(line, "role %15s %511s", role, block) == 2) {
    target_role(role_of(role), read_block(block));
    answer("ok");
  } else if (sscanf(line, "trips %d %511s", &count, block) == 2) {
    sessions_round_trips((unsigned)count, read_block(block));
    pending = "trips";
  } else if (sscanf(line, "pin %d %d", &first, &second) == 2) {
    sessions_pin(first, second);
    answer("ok");
  } else if (sscanf(line, "verify %d", &count) == 1) {
    static unsigned last;
    verifying = count != 0 ? ++last : 0;
    answer("ok");
  } else if (strcmp(line, "go") == 0) {
    target_go();
    sessions_go();
    answer("ok");
  } else if (sscanf(line, "remote %d", &count) == 1) {
    remote_desktop = count != 0;
    answer("ok");
  } else if (strcmp(line, "mark") == 0) {
    mark();
  } else if (strcmp(line, "close") == 0) {
    sessions_close();
    answer("ok");
  } else {
    fprintf(stderr, "load: unknown command \"%s\"\n", line);
    exit(1);
  }
}

static void read_commands(struct conn *conn, uint32_t events) {
  static char line[2048];
  static size_t length;
  (void)events;
  long got = read(conn->fd, line + length, sizeof line - 1 - length);
  if (got <= 0) exit(0);
  length += (size_t)got;
  line[length] = 0;
  char *end;
  while ((end = strchr(line, '\n'))) {
    *end = 0;
    command(line);
    length -= (size_t)(end + 1 - line);
    memmove(line, end + 1, length + 1);
  }
}

/* Continues a command that could not be answered at once. */
static void continue_pending(void) {
  if (!pending) return;
  if (counted.lost > 0) {
    pending = NULL;
    answer("lost");
  } else if (strcmp(pending, "trips") == 0) {
    if (round_trips_pending) return;
    pending = NULL;
    answer("ok");
  } else if (counted.opened == opening.opened && (remote_desktop || counted.accepted >= opening.accepted)) {
    if (opening.left-- > 0) {
      opening.opened++;
      opening.accepted++;
      session_open(opening.port, opening.role, opening.script, opening.block, false, false);
    } else {
      pending = NULL;
      answer("ok");
    }
  }
}

/* Thousands of sessions need more descriptors than the default soft limit. */
static void raise_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int count, char **arguments) {
  raise_limit();
  conns_init();
  printf("%d\n", target_listen(count > 2 ? arguments[1] : NULL, count > 2 ? arguments[2] : NULL));
  fflush(stdout);
  input.ready = read_commands;
  watch_input(0, &input);
  for (;;) {
    conns_poll(pending ? 1 : -1);
    continue_pending();
    sessions_free_closed();
    targets_free_closed();
  }
}
