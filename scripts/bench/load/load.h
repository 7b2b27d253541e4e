/* The load generator: clients (TLS with WebSocket, dual channel or no framing) and the desktop, in one epoll loop. */
#ifndef LOAD_H
#define LOAD_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum role { IDLE, DOWN, UP, ECHO };

/* Traffic that is sent repeatedly, as traffic.js writes it: frames, each in one TLS record, and the payload inside them. */
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
  uint32_t channel;
  uint32_t expect;
  uint32_t length;
  uint8_t *bytes;
};

/* The set-up of a session, and the offsets of type and length in a PDU. Both come from the protocol package. */
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

/* One socket, with or without TLS. Encrypted bytes are collected in `out` so that one write sends several records. */
struct conn {
  int fd;
  SSL *ssl;
  BIO *out;
  size_t out_at;
  bool up;
  bool want_write;
  uint32_t watched;
  void (*ready)(struct conn *conn, uint32_t events);
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
/* Connections that were opened under this number compare every received byte. 0 turns the comparison off. */
extern unsigned verifying;
extern uint8_t scratch[READ_AT_ONCE];

/* conn.c */
void conns_init(void);
int conns_poll(int milliseconds);
void watch_input(int fd, struct conn *conn);
/* Connects from one of many addresses, so that no limit per address applies. Both channels of a session have the same address. */
bool conn_connect(struct conn *conn, int port, uint64_t session, SSL_SESSION *resume);
void conn_accepted(struct conn *conn, int fd, SSL_CTX *tls);
/* 1 when TLS is established, 0 while the handshake continues, -1 when it failed. */
int conn_handshake(struct conn *conn);
/* The number of bytes read, 0 when none are available, -1 at the end or on an error. */
long conn_read(struct conn *conn, uint8_t *bytes, size_t size);
/* The number of bytes accepted: with TLS always all of them, otherwise as many as the socket takes. -1 on an error. */
long conn_write(struct conn *conn, const uint8_t *bytes, size_t size);
size_t conn_waiting(struct conn *conn);
bool conn_flush(struct conn *conn);
void conn_watch(struct conn *conn);
void conn_close(struct conn *conn);
SSL_SESSION *last_session(void);

/* stream.c */
enum { FRAME_HEADER = 10, PDU_HEADER = 16 };

struct stream {
  const struct script *script;
  void (*payload)(void *owner, const uint8_t *bytes, size_t length);
  /* Called at the end of each PDU other than DATA. */
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
void session_open(int port, enum role role, const struct script *script, const struct block *block, bool resume, bool churn);
/* Two processes share the port: the first gets channel 0 of each new session, the second channel 1. With 0 the kernel chooses. */
void sessions_pin(pid_t first, pid_t second);
void sessions_go(void);
void sessions_close(void);
bool sessions_round_trips(unsigned times, const struct block *block);
void sessions_free_closed(void);
extern bool round_trips_pending;

/* target.c */
int target_listen(const char *certificate, const char *key);
void target_role(enum role role, const struct block *block);
void target_go(void);
void targets_free_closed(void);

/* files.c */
const struct block *read_block(const char *path);
const struct script *read_script(const char *path);
bool is_next(const struct block *block, uint64_t *at, const uint8_t *bytes, size_t length);

/* latency.c */
uint64_t now_ns(void);
void latency_add(uint64_t ns);
void latency_report(char *text, size_t size);

#endif
