/* A client: set up by a script, then idle, a source, a sink, or on a round trip. */
#include "load.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { MAX_HEAD = 2048, MAX_STEP = 16384 };

/* Every session has an identity of its own: the script holds this one, whose last digits are counted up. */
static const char CONNECTION_ID[] = "00000000-0000-4000-8000-000000000000";
enum { ID_DIGITS = 12 };

struct session {
  struct leg legs[2];
  int port;
  enum role role;
  const struct script *script;
  const struct block *block;
  bool resume;
  /* Closed as soon as it is open, and followed by another one. */
  bool passing;
  bool open;
  bool buried;
  unsigned verified;
  uint64_t number;
  uint32_t step;
  enum expectation expect;
  char head[MAX_HEAD + 1];
  size_t head_length;
  struct stream stream;
  uint64_t received;
  uint64_t checked;
  uint64_t trip_from;
  uint64_t trip_end;
  uint32_t frame_at;
  size_t wire_at;
  struct session *next;
};

bool pulsing;
static struct session *sessions, *graves, *pulse_at;
static unsigned pulses_left, pulses;
static uint64_t numbers;

/* Where the legs of a session are to land. */
static pid_t landing[2];

static void ready(struct leg *leg, uint32_t events);
static void advance(struct session *session);
static void deliver(void *owner, const uint8_t *bytes, size_t length);
static void answered(void *owner);

static struct session *born(int port, enum role role, const struct script *script, const struct block *block, bool resume, bool passing) {
  struct session *session = calloc(1, sizeof *session);
  *session = (struct session){.port = port, .role = role, .script = script, .block = block, .resume = resume, .passing = passing};
  session->number = ++numbers;
  session->verified = verifying;
  for (int i = 0; i < 2; i++) session->legs[i] = (struct leg){.fd = -1, .ready = ready, .owner = session};
  session->stream = (struct stream){.script = script, .payload = deliver, .answered = answered, .owner = session};
  session->next = sessions;
  sessions = session;
  return session;
}

static void bury(struct session *session) {
  for (int i = 0; i < 2; i++) leg_close(&session->legs[i]);
  for (struct session **link = &sessions; *link; link = &(*link)->next) {
    if (*link != session) continue;
    *link = session->next;
    break;
  }
  session->buried = true;
  session->next = graves;
  graves = session;
}

void sessions_land(pid_t first, pid_t second) {
  landing[0] = first;
  landing[1] = second;
}

/* Who is stopped accepts nobody: whoever connects meanwhile lands at the other process. */
static bool stop_other(int leg) {
  return landing[1 - leg] == 0 || kill(landing[1 - leg], SIGSTOP) == 0;
}

static void go_on_both(void) {
  for (int i = 0; i < 2; i++)
    if (landing[i]) kill(landing[i], SIGCONT);
}

static bool join(struct session *session, int leg) {
  SSL_SESSION *ticket = session->resume ? last_session() : NULL;
  return stop_other(leg) && leg_connect(&session->legs[leg], session->port, session->number, ticket);
}

static void lose(struct session *session, const char *why) {
  if (session->buried) return;
  go_on_both();
  fprintf(stderr, "load: session %llu was lost at step %u: %s %.60s\n", (unsigned long long)session->number, session->step, why,
          session->head);
  counted.lost++;
  bury(session);
}

void sessions_bury(void) {
  while (graves) {
    struct session *next = graves->next;
    free(graves);
    graves = next;
  }
}

void session_open(int port, enum role role, const struct script *script, const struct block *block, bool resume, bool passing) {
  struct session *session = born(port, role, script, block, resume, passing);
  if (!join(session, 0)) lose(session, "no socket");
}

/* --- sending --- */

static struct leg *upward(struct session *session) { return &session->legs[session->script->transport == DUAL ? 1 : 0]; }

static bool fill(struct session *session, struct leg *leg) {
  const struct block *block = session->block;
  /* Only when everything has gone: what is sealed lies in one piece. */
  if (!leg_flush(leg)) return false;
  if (leg_waiting(leg) > 0) return true;
  while (leg_waiting(leg) < SENT_AT_ONCE) {
    size_t length = block->lengths[session->frame_at];
    if (leg_write(leg, block->wire + session->wire_at, length) < 0) return false;
    session->wire_at += length;
    if (++session->frame_at == block->frames) session->frame_at = 0, session->wire_at = 0;
  }
  return leg_flush(leg);
}

static void start_trip(struct session *session) {
  struct leg *leg = upward(session);
  const struct block *block = session->block;
  session->trip_end = session->received + block->payload_length;
  session->trip_from = now_ns();
  size_t at = 0;
  for (uint32_t i = 0; i < block->frames; at += block->lengths[i++])
    if (leg_write(leg, block->wire + at, block->lengths[i]) < 0) return lose(session, "cannot send");
  if (!leg_flush(leg)) lose(session, "cannot send");
}

static void next_pulse(void) {
  while (pulse_at && pulses_left == 0) {
    pulse_at = pulse_at->next;
    pulses_left = pulses;
  }
  if (!pulse_at) {
    pulsing = false;
    return;
  }
  pulses_left--;
  start_trip(pulse_at);
}

/* Some round trips on one session after the other, each with all of the block. */
bool sessions_pulse(unsigned times, const struct block *block) {
  for (struct session *session = sessions; session; session = session->next) session->block = block;
  pulse_at = sessions;
  pulses = pulses_left = times;
  pulsing = true;
  next_pulse();
  return pulsing;
}

void sessions_go(void) {
  for (struct session *session = sessions, *next; session; session = next) {
    next = session->next;
    if (session->role == UP) {
      upward(session)->greedy = true;
      leg_watch(upward(session));
    } else if (session->role == ECHO) start_trip(session);
  }
}

void sessions_close(void) {
  while (sessions) bury(sessions);
}

/* --- receiving --- */

static void deliver(void *owner, const uint8_t *bytes, size_t length) {
  struct session *session = owner;
  counted.down += length;
  session->received += length;
  if (verifying && session->verified == verifying && session->block && !is_next(session->block, &session->checked, bytes, length)) counted.wrong++;
  if (session->role != ECHO || session->trip_end == 0 || session->received < session->trip_end) return;
  counted.trips++;
  latency_add(now_ns() - session->trip_from);
  session->trip_end = 0;
  if (pulsing) next_pulse();
  else start_trip(session);
}

static void answered(void *owner) {
  struct session *session = owner;
  if (session->expect == NOTHING) return;
  session->expect = NOTHING;
  advance(session);
}

static void head_bytes(struct session *session, struct leg *leg, const uint8_t *bytes, size_t length) {
  size_t before = session->head_length;
  size_t part = length < MAX_HEAD - before ? length : MAX_HEAD - before;
  memcpy(session->head + before, bytes, part);
  session->head_length += part;
  char *end = memmem(session->head, session->head_length, "\r\n\r\n", 4);
  if (!end) {
    if (session->head_length == MAX_HEAD) lose(session, "a head without an end");
    return;
  }
  size_t used = (size_t)(end + 4 - session->head) - before;
  if (strncmp(session->head, "HTTP/1.1 101", 12) != 0 && strncmp(session->head, "HTTP/1.1 200", 12) != 0)
    return lose(session, "the gateway says no:");
  session->head_length = 0;
  if (leg == &session->legs[0]) session->stream.seed_left = session->script->seed;
  answered(session);
  if (leg == &session->legs[0] && leg->fd >= 0) stream_bytes(&session->stream, bytes + used, length - used);
}

/* --- set-up --- */

static bool say(struct session *session, struct leg *leg, const struct step *step) {
  uint8_t bytes[MAX_STEP];
  if (step->length > MAX_STEP) return false;
  memcpy(bytes, step->bytes, step->length);
  uint8_t *id = memmem(bytes, step->length, CONNECTION_ID, sizeof CONNECTION_ID - 1);
  if (id) {
    char digits[ID_DIGITS + 1];
    snprintf(digits, sizeof digits, "%012llx", (unsigned long long)session->number & 0xffffffffffff);
    memcpy(id + sizeof CONNECTION_ID - 1 - ID_DIGITS, digits, ID_DIGITS);
  }
  return leg_write(leg, bytes, step->length) >= 0;
}

static void opened(struct session *session) {
  counted.opened++;
  if (SSL_session_reused(session->legs[0].ssl)) counted.resumed++;
  session->open = true;
  if (!session->passing) return;
  /* What comes next is like the one that goes. */
  struct session like = *session;
  bury(session);
  session_open(like.port, like.role, like.script, like.block, like.resume, true);
}

static void advance(struct session *session) {
  struct leg *spoken = NULL;
  while (session->expect == NOTHING && session->step < session->script->steps) {
    const struct step *step = &session->script->step[session->step];
    struct leg *leg = &session->legs[step->leg];
    if (leg->fd < 0) {
      if (!join(session, (int)step->leg)) lose(session, "no socket");
      return;
    }
    if (!leg->up) return;
    if (!say(session, leg, step)) return lose(session, "cannot send");
    spoken = leg;
    session->expect = step->expect;
    session->step++;
  }
  if (spoken && !leg_flush(spoken)) return lose(session, "cannot send");
  if (session->expect == NOTHING && session->step == session->script->steps && !session->open) opened(session);
}

static void read_all(struct session *session, struct leg *leg) {
  long length;
  while (leg->fd >= 0 && (length = leg_read(leg, scratch, sizeof scratch)) != 0) {
    if (length < 0) return lose(session, "the other side ended it");
    if (session->expect == HEAD) head_bytes(session, leg, scratch, (size_t)length);
    else if (leg == &session->legs[0]) stream_bytes(&session->stream, scratch, (size_t)length);
  }
}

static void ready(struct leg *leg, uint32_t events) {
  struct session *session = leg->owner;
  if (!leg->up) {
    int up = leg_handshake(leg);
    if (up < 0) return lose(session, "no TLS");
    if (up == 0) return;
    go_on_both();
    advance(session);
    if (leg->fd < 0) return;
  }
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_all(session, leg);
  if (leg->fd < 0 || !(events & EPOLLOUT)) return;
  bool alive = leg->greedy ? fill(session, leg) : leg_flush(leg);
  if (!alive) lose(session, "cannot send");
}
