/* The desktop: accepts connections and sends, receives or echoes according to their role. */
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct target {
  struct conn conn;
  enum role role;
  const struct block *block;
  uint64_t at;
  unsigned verified;
  /* Echoed bytes that the socket did not take. Nothing more is read until they are sent. */
  uint8_t *unsent;
  size_t unsent_at, unsent_length;
  struct target *next;
};

enum { BACKLOG = 4096 };

static SSL_CTX *tls;
static struct conn listener;
static struct target *targets, *closed_targets;
static enum role role_of_next;
static const struct block *block_of_next;
static bool started;

void target_role(enum role role, const struct block *block) {
  role_of_next = role;
  block_of_next = block;
  started = false;
}

static void close_target(struct target *target) {
  conn_close(&target->conn);
  for (struct target **link = &targets; *link; link = &(*link)->next) {
    if (*link != target) continue;
    *link = target->next;
    break;
  }
  free(target->unsent);
  target->next = closed_targets;
  closed_targets = target;
}

void targets_free_closed(void) {
  while (closed_targets) {
    struct target *next = closed_targets->next;
    free(closed_targets);
    closed_targets = next;
  }
}

static bool receive(struct target *target) {
  bool verified = verifying && target->verified == verifying;
  uint8_t *into = verified || target->conn.ssl ? scratch : NULL;
  long length = conn_read(&target->conn, into, READ_AT_ONCE);
  if (length < 0) return false;
  counted.up += (uint64_t)length;
  if (verified && target->block && !is_next(target->block, &target->at, scratch, (size_t)length)) counted.wrong++;
  return true;
}

static bool send_block(struct target *target) {
  const struct block *block = target->block;
  size_t offset = target->at % block->payload_length;
  size_t length = block->payload_length - offset;
  if (length > SENT_AT_ONCE) length = SENT_AT_ONCE;
  if (target->conn.ssl) {
    if (!conn_flush(&target->conn)) return false;
    if (conn_waiting(&target->conn) > 0) return true;
    while (conn_waiting(&target->conn) < SENT_AT_ONCE && length > 0) {
      size_t part = length > 16384 ? 16384 : length;
      if (conn_write(&target->conn, block->payload + offset, part) < 0) return false;
      offset += part;
      length -= part;
      target->at += part;
    }
    return conn_flush(&target->conn);
  }
  long sent = conn_write(&target->conn, block->payload + offset, length);
  if (sent > 0) target->at += (uint64_t)sent;
  return sent >= 0;
}

static bool echo(struct target *target) {
  if (target->conn.ssl && !conn_flush(&target->conn)) return false;
  if (!target->unsent) {
    long length = conn_read(&target->conn, scratch, SENT_AT_ONCE);
    if (length <= 0) return length == 0;
    long sent = conn_write(&target->conn, scratch, (size_t)length);
    if (sent < 0) return false;
    if (target->conn.ssl) return conn_flush(&target->conn);
    if (sent == length) return true;
    target->unsent_length = (size_t)(length - sent);
    target->unsent_at = 0;
    target->unsent = malloc(target->unsent_length);
    memcpy(target->unsent, scratch + sent, target->unsent_length);
  } else {
    long sent = conn_write(&target->conn, target->unsent + target->unsent_at, target->unsent_length - target->unsent_at);
    if (sent < 0) return false;
    target->unsent_at += (size_t)sent;
    if (target->unsent_at == target->unsent_length) {
      free(target->unsent);
      target->unsent = NULL;
    }
  }
  target->conn.want_write = target->unsent != NULL;
  conn_watch(&target->conn);
  return true;
}

static void ready(struct conn *conn, uint32_t events) {
  struct target *target = conn->owner;
  int up = conn_handshake(conn);
  if (up <= 0) {
    if (up < 0) close_target(target);
    return;
  }
  bool alive = true;
  if (target->role == ECHO) alive = echo(target);
  else {
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) alive = receive(target);
    if (alive && target->role == DOWN && started && (events & EPOLLOUT)) alive = send_block(target);
    else if (alive && conn->ssl) alive = conn_flush(conn);
  }
  if (!alive) close_target(target);
}

static void accept_all(struct conn *conn, uint32_t events) {
  (void)events;
  for (;;) {
    int fd = accept4(conn->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    struct target *target = calloc(1, sizeof *target);
    target->conn.ready = ready;
    target->conn.owner = target;
    target->role = role_of_next;
    target->block = block_of_next;
    target->verified = verifying;
    target->next = targets;
    targets = target;
    counted.accepted++;
    conn_accepted(&target->conn, fd, tls);
  }
}

/* Starts all connections that send. */
void target_go(void) {
  started = true;
  for (struct target *target = targets; target; target = target->next) {
    if (target->role != DOWN) continue;
    target->conn.want_write = true;
    conn_watch(&target->conn);
  }
}

int target_listen(const char *certificate, const char *key) {
  if (certificate) {
    tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_default_read_buffer_len(tls, SENT_AT_ONCE);
    if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 || SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
      fprintf(stderr, "load: cannot load the certificate %s\n", certificate);
      exit(1);
    }
  }
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, BACKLOG) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
    perror("load: the target cannot listen");
    exit(1);
  }
  listener.ready = accept_all;
  watch_input(fd, &listener);
  return ntohs(address.sin_port);
}
