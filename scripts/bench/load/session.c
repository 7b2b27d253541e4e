/* A client session: set up by a script, then idle, sending, receiving, or making round trips. */
#include "load.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { MAX_HEAD = 2048, MAX_STEP = 16384 };

/* The connection id in the script. Each session replaces the last digits with its number. */
static const char CONNECTION_ID[] = "00000000-0000-4000-8000-000000000000";
enum { ID_DIGITS = 12 };

struct session {
  struct conn channels[2];
  int port;
  enum role role;
  const struct script *script;
  const struct block *block;
  bool resume;
  /* Closed as soon as the channel is open, and replaced by a new session. */
  bool churn;
  bool open;
  bool closed;
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

bool round_trips_pending;
static struct session *sessions, *closed_sessions, *trip_session;
static unsigned trips_left, trips_each;
static uint64_t last_number;

/* The processes that get channel 0 and channel 1. */
static pid_t pinned[2];

static void ready(struct conn *conn, uint32_t events);
static void advance(struct session *session);
static void deliver(void *owner, const uint8_t *bytes, size_t length);
static void answered(void *owner);

static struct session *new_session(int port, enum role role, const struct script *script, const struct block *block, bool resume, bool churn) {
  struct session *session = calloc(1, sizeof *session);
  *session = (struct session){.port = port, .role = role, .script = script, .block = block, .resume = resume, .churn = churn};
  session->number = ++last_number;
  session->verified = verifying;
  for (int i = 0; i < 2; i++) session->channels[i] = (struct conn){.fd = -1, .ready = ready, .owner = session};
  session->stream = (struct stream){.script = script, .payload = deliver, .answered = answered, .owner = session};
  session->next = sessions;
  sessions = session;
  return session;
}

static void close_session(struct session *session) {
  for (int i = 0; i < 2; i++) conn_close(&session->channels[i]);
  for (struct session **link = &sessions; *link; link = &(*link)->next) {
    if (*link != session) continue;
    *link = session->next;
    break;
  }
  session->closed = true;
  session->next = closed_sessions;
  closed_sessions = session;
}

void sessions_pin(pid_t first, pid_t second) {
  pinned[0] = first;
  pinned[1] = second;
}

/* A stopped process accepts no connections, so the other one accepts this channel. */
static bool stop_other(int channel) {
  return pinned[1 - channel] == 0 || kill(pinned[1 - channel], SIGSTOP) == 0;
}

static void resume_both(void) {
  for (int i = 0; i < 2; i++)
    if (pinned[i]) kill(pinned[i], SIGCONT);
}

static bool connect_channel(struct session *session, int channel) {
  SSL_SESSION *ticket = session->resume ? last_session() : NULL;
  return stop_other(channel) && conn_connect(&session->channels[channel], session->port, session->number, ticket);
}

static void fail(struct session *session, const char *why) {
  if (session->closed) return;
  resume_both();
  fprintf(stderr, "load: session %llu was lost at step %u: %s %.60s\n", (unsigned long long)session->number, session->step, why,
          session->head);
  counted.lost++;
  close_session(session);
}

void sessions_free_closed(void) {
  while (closed_sessions) {
    struct session *next = closed_sessions->next;
    free(closed_sessions);
    closed_sessions = next;
  }
}

void session_open(int port, enum role role, const struct script *script, const struct block *block, bool resume, bool churn) {
  struct session *session = new_session(port, role, script, block, resume, churn);
  if (!connect_channel(session, 0)) fail(session, "no socket");
}

/* --- sending --- */

static struct conn *send_conn(struct session *session) { return &session->channels[session->script->transport == DUAL ? 1 : 0]; }

static bool fill(struct session *session, struct conn *conn) {
  const struct block *block = session->block;
  /* Encrypts more only when everything was sent, because the memory BIO is one contiguous buffer. */
  if (!conn_flush(conn)) return false;
  if (conn_waiting(conn) > 0) return true;
  while (conn_waiting(conn) < SENT_AT_ONCE) {
    size_t length = block->lengths[session->frame_at];
    if (conn_write(conn, block->wire + session->wire_at, length) < 0) return false;
    session->wire_at += length;
    if (++session->frame_at == block->frames) session->frame_at = 0, session->wire_at = 0;
  }
  return conn_flush(conn);
}

static void start_trip(struct session *session) {
  struct conn *conn = send_conn(session);
  const struct block *block = session->block;
  session->trip_end = session->received + block->payload_length;
  session->trip_from = now_ns();
  size_t at = 0;
  for (uint32_t i = 0; i < block->frames; at += block->lengths[i++])
    if (conn_write(conn, block->wire + at, block->lengths[i]) < 0) return fail(session, "cannot send");
  if (!conn_flush(conn)) fail(session, "cannot send");
}

static void next_trip(void) {
  while (trip_session && trips_left == 0) {
    trip_session = trip_session->next;
    trips_left = trips_each;
  }
  if (!trip_session) {
    round_trips_pending = false;
    return;
  }
  trips_left--;
  start_trip(trip_session);
}

/* Makes `times` round trips on one session after the other; each sends the complete block. */
bool sessions_round_trips(unsigned times, const struct block *block) {
  for (struct session *session = sessions; session; session = session->next) session->block = block;
  trip_session = sessions;
  trips_each = trips_left = times;
  round_trips_pending = true;
  next_trip();
  return round_trips_pending;
}

void sessions_go(void) {
  for (struct session *session = sessions, *next; session; session = next) {
    next = session->next;
    if (session->role == UP) {
      send_conn(session)->want_write = true;
      conn_watch(send_conn(session));
    } else if (session->role == ECHO) start_trip(session);
  }
}

void sessions_close(void) {
  while (sessions) close_session(sessions);
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
  if (round_trips_pending) next_trip();
  else start_trip(session);
}

static void answered(void *owner) {
  struct session *session = owner;
  if (session->expect == NOTHING) return;
  session->expect = NOTHING;
  advance(session);
}

static void head_bytes(struct session *session, struct conn *conn, const uint8_t *bytes, size_t length) {
  size_t before = session->head_length;
  size_t part = length < MAX_HEAD - before ? length : MAX_HEAD - before;
  memcpy(session->head + before, bytes, part);
  session->head_length += part;
  char *end = memmem(session->head, session->head_length, "\r\n\r\n", 4);
  if (!end) {
    if (session->head_length == MAX_HEAD) fail(session, "response head too long");
    return;
  }
  size_t used = (size_t)(end + 4 - session->head) - before;
  if (strncmp(session->head, "HTTP/1.1 101", 12) != 0 && strncmp(session->head, "HTTP/1.1 200", 12) != 0)
    return fail(session, "unexpected response:");
  session->head_length = 0;
  if (conn == &session->channels[0]) session->stream.seed_left = session->script->seed;
  answered(session);
  if (conn == &session->channels[0] && conn->fd >= 0) stream_bytes(&session->stream, bytes + used, length - used);
}

/* --- set-up --- */

static bool send_step(struct session *session, struct conn *conn, const struct step *step) {
  uint8_t bytes[MAX_STEP];
  if (step->length > MAX_STEP) return false;
  memcpy(bytes, step->bytes, step->length);
  uint8_t *id = memmem(bytes, step->length, CONNECTION_ID, sizeof CONNECTION_ID - 1);
  if (id) {
    char digits[ID_DIGITS + 1];
    snprintf(digits, sizeof digits, "%012llx", (unsigned long long)session->number & 0xffffffffffff);
    memcpy(id + sizeof CONNECTION_ID - 1 - ID_DIGITS, digits, ID_DIGITS);
  }
  return conn_write(conn, bytes, step->length) >= 0;
}

static void opened(struct session *session) {
  counted.opened++;
  if (SSL_session_reused(session->channels[0].ssl)) counted.resumed++;
  session->open = true;
  if (!session->churn) return;
  /* The next session has the same parameters. */
  struct session last = *session;
  close_session(session);
  session_open(last.port, last.role, last.script, last.block, last.resume, true);
}

static void advance(struct session *session) {
  struct conn *written = NULL;
  while (session->expect == NOTHING && session->step < session->script->steps) {
    const struct step *step = &session->script->step[session->step];
    struct conn *conn = &session->channels[step->channel];
    if (conn->fd < 0) {
      if (!connect_channel(session, (int)step->channel)) fail(session, "no socket");
      return;
    }
    if (!conn->up) return;
    if (!send_step(session, conn, step)) return fail(session, "cannot send");
    written = conn;
    session->expect = step->expect;
    session->step++;
  }
  if (written && !conn_flush(written)) return fail(session, "cannot send");
  if (session->expect == NOTHING && session->step == session->script->steps && !session->open) opened(session);
}

static void read_all(struct session *session, struct conn *conn) {
  long length;
  while (conn->fd >= 0 && (length = conn_read(conn, scratch, sizeof scratch)) != 0) {
    if (length < 0) return fail(session, "closed by the peer");
    if (session->expect == HEAD) head_bytes(session, conn, scratch, (size_t)length);
    else if (conn == &session->channels[0]) stream_bytes(&session->stream, scratch, (size_t)length);
  }
}

static void ready(struct conn *conn, uint32_t events) {
  struct session *session = conn->owner;
  if (!conn->up) {
    int up = conn_handshake(conn);
    if (up < 0) return fail(session, "TLS handshake failed");
    if (up == 0) return;
    resume_both();
    advance(session);
    if (conn->fd < 0) return;
  }
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_all(session, conn);
  if (conn->fd < 0 || !(events & EPOLLOUT)) return;
  bool alive = conn->want_write ? fill(session, conn) : conn_flush(conn);
  if (!alive) fail(session, "cannot send");
}
