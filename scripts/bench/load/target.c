/* The desktop: accepts, and sends, takes or echoes as the bench says. */
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct target {
  struct leg leg;
  enum role role;
  const struct block *block;
  uint64_t at;
  unsigned verified;
  /* Echo that the socket did not take yet; nothing more is read before it has gone. */
  uint8_t *rest;
  size_t rest_at, rest_length;
  struct target *next;
};

enum { BACKLOG = 4096 };

static SSL_CTX *tls;
static struct leg listener;
static struct target *targets, *graves;
static enum role role_of_next;
static const struct block *block_of_next;
static bool going;

void target_role(enum role role, const struct block *block) {
  role_of_next = role;
  block_of_next = block;
  going = false;
}

static void bury(struct target *target) {
  leg_close(&target->leg);
  for (struct target **link = &targets; *link; link = &(*link)->next) {
    if (*link != target) continue;
    *link = target->next;
    break;
  }
  free(target->rest);
  target->next = graves;
  graves = target;
}

void targets_bury(void) {
  while (graves) {
    struct target *next = graves->next;
    free(graves);
    graves = next;
  }
}

static bool take(struct target *target) {
  bool verified = verifying && target->verified == verifying;
  uint8_t *into = verified || target->leg.ssl ? scratch : NULL;
  long length = leg_read(&target->leg, into, READ_AT_ONCE);
  if (length < 0) return false;
  counted.up += (uint64_t)length;
  if (verified && target->block && !is_next(target->block, &target->at, scratch, (size_t)length)) counted.wrong++;
  return true;
}

static bool give(struct target *target) {
  const struct block *block = target->block;
  size_t offset = target->at % block->payload_length;
  size_t length = block->payload_length - offset;
  if (length > SENT_AT_ONCE) length = SENT_AT_ONCE;
  if (target->leg.ssl) {
    if (!leg_flush(&target->leg)) return false;
    if (leg_waiting(&target->leg) > 0) return true;
    while (leg_waiting(&target->leg) < SENT_AT_ONCE && length > 0) {
      size_t part = length > 16384 ? 16384 : length;
      if (leg_write(&target->leg, block->payload + offset, part) < 0) return false;
      offset += part;
      length -= part;
      target->at += part;
    }
    return leg_flush(&target->leg);
  }
  long sent = leg_write(&target->leg, block->payload + offset, length);
  if (sent > 0) target->at += (uint64_t)sent;
  return sent >= 0;
}

static bool echo(struct target *target) {
  if (target->leg.ssl && !leg_flush(&target->leg)) return false;
  if (!target->rest) {
    long length = leg_read(&target->leg, scratch, SENT_AT_ONCE);
    if (length <= 0) return length == 0;
    long sent = leg_write(&target->leg, scratch, (size_t)length);
    if (sent < 0) return false;
    if (target->leg.ssl) return leg_flush(&target->leg);
    if (sent == length) return true;
    target->rest_length = (size_t)(length - sent);
    target->rest_at = 0;
    target->rest = malloc(target->rest_length);
    memcpy(target->rest, scratch + sent, target->rest_length);
  } else {
    long sent = leg_write(&target->leg, target->rest + target->rest_at, target->rest_length - target->rest_at);
    if (sent < 0) return false;
    target->rest_at += (size_t)sent;
    if (target->rest_at == target->rest_length) {
      free(target->rest);
      target->rest = NULL;
    }
  }
  target->leg.greedy = target->rest != NULL;
  leg_watch(&target->leg);
  return true;
}

static void ready(struct leg *leg, uint32_t events) {
  struct target *target = leg->owner;
  int up = leg_handshake(leg);
  if (up <= 0) {
    if (up < 0) bury(target);
    return;
  }
  bool alive = true;
  if (target->role == ECHO) alive = echo(target);
  else {
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) alive = take(target);
    if (alive && target->role == DOWN && going && (events & EPOLLOUT)) alive = give(target);
    else if (alive && leg->ssl) alive = leg_flush(leg);
  }
  if (!alive) bury(target);
}

static void accept_all(struct leg *leg, uint32_t events) {
  (void)events;
  for (;;) {
    int fd = accept4(leg->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    struct target *target = calloc(1, sizeof *target);
    target->leg.ready = ready;
    target->leg.owner = target;
    target->role = role_of_next;
    target->block = block_of_next;
    target->verified = verifying;
    target->next = targets;
    targets = target;
    counted.accepted++;
    leg_accepted(&target->leg, fd, tls);
  }
}

/* Everyone who came as a source begins to send. */
void target_go(void) {
  going = true;
  for (struct target *target = targets; target; target = target->next) {
    if (target->role != DOWN) continue;
    target->leg.greedy = true;
    leg_watch(&target->leg);
  }
}

int target_listen(const char *certificate, const char *key) {
  if (certificate) {
    tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_default_read_buffer_len(tls, SENT_AT_ONCE);
    if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 || SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
      fprintf(stderr, "load: no certificate in %s\n", certificate);
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
