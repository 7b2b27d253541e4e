/* The load generator: clients (TLS, WebSocket or dual channel or nothing above it) and the desktop behind them, on one epoll. */
#ifndef LOAD_H
#define LOAD_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum role { IDLE, DOWN, UP, ECHO };

/* What is sent over and over, made outside: frames (what one TLS record carries) and the payload inside them. */
struct block {
  uint32_t frames;
  uint32_t *lengths;
  uint8_t *wire;
  uint32_t payload_length;
  uint8_t *payload;
};

enum transport { PLAIN, WEBSOCKET, DUAL };
enum expectation { NOTHING, HEAD, PDU };

struct step {
  uint32_t leg;
  uint32_t expect;
  uint32_t length;
  uint8_t *bytes;
};

/* How a session is set up, and where in a PDU its type and lengths stand: both come from the protocol package. */
struct script {
  uint32_t transport;
  uint32_t steps;
  uint32_t header;
  uint32_t type_at;
  uint32_t data_type;
  uint32_t length_at;
  uint32_t overhead;
  uint32_t seed;
  struct step *step;
};

/* One socket, with TLS or without. Sealed bytes wait in `out` so that several records go out in one write. */
struct leg {
  int fd;
  SSL *ssl;
  BIO *out;
  size_t out_at;
  bool up;
  bool greedy;
  uint32_t watched;
  void (*ready)(struct leg *leg, uint32_t events);
  void *owner;
};

enum { SENT_AT_ONCE = 64 * 1024, READ_AT_ONCE = 256 * 1024 };

struct counters {
  uint64_t up;
  uint64_t down;
  uint64_t trips;
  uint64_t opened;
  uint64_t resumed;
  uint64_t accepted;
  uint64_t lost;
  uint64_t wrong;
};

extern struct counters counted;
/* Who was born under this number compares every byte; 0 when nobody does. */
extern unsigned verifying;
extern uint8_t scratch[READ_AT_ONCE];

/* leg.c */
void legs_init(void);
int legs_poll(int milliseconds);
void watch_input(int fd, struct leg *leg);
/* From one of many addresses, so that no limit for one address is met by accident; both legs of a session have the same. */
bool leg_connect(struct leg *leg, int port, uint64_t session, SSL_SESSION *resume);
void leg_accepted(struct leg *leg, int fd, SSL_CTX *tls);
/* 1 when TLS is up, 0 while it is not, -1 when it failed. */
int leg_handshake(struct leg *leg);
/* Bytes read, 0 when there are none now, -1 at the end. */
long leg_read(struct leg *leg, uint8_t *bytes, size_t size);
/* Bytes taken: all of them with TLS, what the socket takes without. -1 when the socket is gone. */
long leg_write(struct leg *leg, const uint8_t *bytes, size_t size);
size_t leg_waiting(struct leg *leg);
bool leg_flush(struct leg *leg);
void leg_watch(struct leg *leg);
void leg_close(struct leg *leg);
SSL_SESSION *last_session(void);

/* stream.c */
enum { FRAME_HEADER = 10, PDU_HEADER = 16 };

struct stream {
  const struct script *script;
  void (*payload)(void *owner, const uint8_t *bytes, size_t length);
  /* A PDU other than DATA has come to its end. */
  void (*answered)(void *owner);
  void *owner;
  bool over;
  size_t seed_left;
  uint8_t frame[FRAME_HEADER];
  size_t frame_length;
  uint64_t frame_left;
  bool frame_control;
  uint8_t pdu[PDU_HEADER];
  size_t pdu_length;
  uint64_t pdu_left;
  bool pdu_data;
  size_t overhead_left;
};

void stream_bytes(struct stream *stream, const uint8_t *bytes, size_t length);

/* session.c */
void session_open(int port, enum role role, const struct script *script, const struct block *block, bool resume, bool passing);
/* Two processes share the port: leg i of each session is to land at the i-th. 0 leaves it to the system. */
void sessions_land(pid_t first, pid_t second);
void sessions_go(void);
void sessions_close(void);
bool sessions_pulse(unsigned times, const struct block *block);
void sessions_bury(void);
extern bool pulsing;

/* target.c */
int target_listen(const char *certificate, const char *key);
void target_role(enum role role, const struct block *block);
void target_go(void);
void targets_bury(void);

/* files.c */
const struct block *read_block(const char *path);
const struct script *read_script(const char *path);
bool is_next(const struct block *block, uint64_t *at, const uint8_t *bytes, size_t length);

/* latency.c */
uint64_t now_ns(void);
void latency_add(uint64_t ns);
void latency_report(char *text, size_t size);

#endif
