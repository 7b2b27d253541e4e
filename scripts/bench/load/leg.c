/* One socket on the epoll, with TLS or without. */
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOURCES = 200, EVENTS = 256 };

static int epoll_fd;
static SSL_CTX *client_tls;
static SSL_SESSION *last;

static int keep_session(SSL *ssl, SSL_SESSION *fresh) {
  (void)ssl;
  if (last) SSL_SESSION_free(last);
  last = fresh;
  return 1;
}

SSL_SESSION *last_session(void) { return last; }

void legs_init(void) {
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  client_tls = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(client_tls, SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_session_cache_mode(client_tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(client_tls, keep_session);
  SSL_CTX_set_read_ahead(client_tls, 1);
  SSL_CTX_set_default_read_buffer_len(client_tls, SENT_AT_ONCE);
  SSL_CTX_set_mode(client_tls, SSL_MODE_RELEASE_BUFFERS);
}

int legs_poll(int milliseconds) {
  struct epoll_event events[EVENTS];
  int count = epoll_wait(epoll_fd, events, EVENTS, milliseconds);
  for (int i = 0; i < count; i++) {
    struct leg *leg = events[i].data.ptr;
    /* An earlier event of the same batch may have closed it; what it belongs to is freed after the batch. */
    if (leg->fd >= 0) leg->ready(leg, events[i].events);
  }
  return count;
}

static void add(struct leg *leg, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = leg};
  leg->watched = events;
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, leg->fd, &event);
}

void watch_input(int fd, struct leg *leg) {
  leg->fd = fd;
  add(leg, EPOLLIN);
}

static void take_socket(struct leg *leg, int fd, SSL_CTX *tls, bool server) {
  int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  leg->fd = fd;
  leg->up = tls == NULL;
  if (tls) {
    leg->ssl = SSL_new(tls);
    leg->out = BIO_new(BIO_s_mem());
    BIO *in = BIO_new_socket(fd, BIO_NOCLOSE);
    SSL_set_bio(leg->ssl, in, leg->out);
    if (server) SSL_set_accept_state(leg->ssl);
    else SSL_set_connect_state(leg->ssl);
  }
}

bool leg_connect(struct leg *leg, int port, uint64_t session, SSL_SESSION *resume) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  int yes = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  struct sockaddr_in from = {.sin_family = AF_INET};
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 0x100 + (uint32_t)(session % SOURCES));
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, (struct sockaddr *)&from, sizeof from) != 0 ||
      (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)) {
    close(fd);
    return false;
  }
  take_socket(leg, fd, client_tls, false);
  if (resume) {
    /* OpenSSL spends a session of TLS 1.3 with its first use; servers take a ticket more than once. */
    SSL_SESSION *copy = SSL_SESSION_dup(resume);
    SSL_set_session(leg->ssl, copy);
    SSL_SESSION_free(copy);
  }
  add(leg, EPOLLIN | EPOLLOUT);
  return true;
}

void leg_accepted(struct leg *leg, int fd, SSL_CTX *tls) {
  take_socket(leg, fd, tls, true);
  add(leg, EPOLLIN);
}

int leg_handshake(struct leg *leg) {
  if (leg->up) return 1;
  int result = SSL_do_handshake(leg->ssl);
  if (!leg_flush(leg)) return -1;
  if (result == 1) {
    leg->up = true;
    return 1;
  }
  int why = SSL_get_error(leg->ssl, result);
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

long leg_read(struct leg *leg, uint8_t *bytes, size_t size) {
  if (leg->ssl) {
    int length = SSL_read(leg->ssl, bytes, (int)size);
    if (length > 0) return length;
    int why = SSL_get_error(leg->ssl, length);
    ERR_clear_error();
    return why == SSL_ERROR_WANT_READ ? 0 : -1;
  }
  long length = recv(leg->fd, bytes, size, bytes ? 0 : MSG_TRUNC);
  if (length > 0) return length;
  return length < 0 && errno == EAGAIN ? 0 : -1;
}

long leg_write(struct leg *leg, const uint8_t *bytes, size_t size) {
  if (leg->ssl) return SSL_write(leg->ssl, bytes, (int)size) > 0 ? (long)size : -1;
  long length = send(leg->fd, bytes, size, MSG_NOSIGNAL);
  if (length >= 0) return length;
  return errno == EAGAIN ? 0 : -1;
}

size_t leg_waiting(struct leg *leg) { return leg->out ? BIO_ctrl_pending(leg->out) - leg->out_at : 0; }

/* Sends what waits, as far as the socket takes it; false when the socket is gone. */
bool leg_flush(struct leg *leg) {
  size_t waiting = leg_waiting(leg);
  if (waiting > 0) {
    char *bytes;
    BIO_get_mem_data(leg->out, &bytes);
    long sent = send(leg->fd, bytes + leg->out_at, waiting, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != ENOTCONN) return false;
    if (sent > 0) leg->out_at += (size_t)sent;
    if (leg_waiting(leg) == 0) {
      (void)BIO_reset(leg->out);
      leg->out_at = 0;
    }
  }
  leg_watch(leg);
  return true;
}

void leg_watch(struct leg *leg) {
  uint32_t wanted = EPOLLIN | (leg->greedy || leg_waiting(leg) > 0 ? EPOLLOUT : 0u);
  if (wanted == leg->watched) return;
  struct epoll_event event = {.events = wanted, .data.ptr = leg};
  leg->watched = wanted;
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, leg->fd, &event);
}

void leg_close(struct leg *leg) {
  if (leg->fd < 0) return;
  if (leg->ssl) {
    if (leg->up) {
      SSL_shutdown(leg->ssl);
      leg_flush(leg);
    }
    SSL_free(leg->ssl);
  }
  close(leg->fd);
  leg->fd = -1;
  leg->ssl = NULL;
  leg->out = NULL;
}
