/* Sockets in the epoll loop, with or without TLS. */
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

void conns_init(void) {
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  client_tls = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(client_tls, SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_session_cache_mode(client_tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(client_tls, keep_session);
  SSL_CTX_set_read_ahead(client_tls, 1);
  SSL_CTX_set_default_read_buffer_len(client_tls, SENT_AT_ONCE);
  SSL_CTX_set_mode(client_tls, SSL_MODE_RELEASE_BUFFERS);
}

int conns_poll(int milliseconds) {
  struct epoll_event events[EVENTS];
  int count = epoll_wait(epoll_fd, events, EVENTS, milliseconds);
  for (int i = 0; i < count; i++) {
    struct conn *conn = events[i].data.ptr;
    /* An earlier event of the same batch may have closed it. Its owner is freed only after the batch. */
    if (conn->fd >= 0) conn->ready(conn, events[i].events);
  }
  return count;
}

static void add(struct conn *conn, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = conn};
  conn->watched = events;
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, conn->fd, &event);
}

void watch_input(int fd, struct conn *conn) {
  conn->fd = fd;
  add(conn, EPOLLIN);
}

static void init_conn(struct conn *conn, int fd, SSL_CTX *tls, bool server) {
  int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  conn->fd = fd;
  conn->up = tls == NULL;
  if (tls) {
    conn->ssl = SSL_new(tls);
    conn->out = BIO_new(BIO_s_mem());
    BIO *in = BIO_new_socket(fd, BIO_NOCLOSE);
    SSL_set_bio(conn->ssl, in, conn->out);
    if (server) SSL_set_accept_state(conn->ssl);
    else SSL_set_connect_state(conn->ssl);
  }
}

bool conn_connect(struct conn *conn, int port, uint64_t session, SSL_SESSION *resume) {
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
  init_conn(conn, fd, client_tls, false);
  if (resume) {
    /* OpenSSL uses a TLS 1.3 session only once, while servers accept a ticket several times. */
    SSL_SESSION *copy = SSL_SESSION_dup(resume);
    SSL_set_session(conn->ssl, copy);
    SSL_SESSION_free(copy);
  }
  add(conn, EPOLLIN | EPOLLOUT);
  return true;
}

void conn_accepted(struct conn *conn, int fd, SSL_CTX *tls) {
  init_conn(conn, fd, tls, true);
  add(conn, EPOLLIN);
}

int conn_handshake(struct conn *conn) {
  if (conn->up) return 1;
  int result = SSL_do_handshake(conn->ssl);
  if (!conn_flush(conn)) return -1;
  if (result == 1) {
    conn->up = true;
    return 1;
  }
  int why = SSL_get_error(conn->ssl, result);
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

long conn_read(struct conn *conn, uint8_t *bytes, size_t size) {
  if (conn->ssl) {
    int length = SSL_read(conn->ssl, bytes, (int)size);
    if (length > 0) return length;
    int why = SSL_get_error(conn->ssl, length);
    ERR_clear_error();
    return why == SSL_ERROR_WANT_READ ? 0 : -1;
  }
  long length = recv(conn->fd, bytes, size, bytes ? 0 : MSG_TRUNC);
  if (length > 0) return length;
  return length < 0 && errno == EAGAIN ? 0 : -1;
}

long conn_write(struct conn *conn, const uint8_t *bytes, size_t size) {
  if (conn->ssl) return SSL_write(conn->ssl, bytes, (int)size) > 0 ? (long)size : -1;
  long length = send(conn->fd, bytes, size, MSG_NOSIGNAL);
  if (length >= 0) return length;
  return errno == EAGAIN ? 0 : -1;
}

size_t conn_waiting(struct conn *conn) { return conn->out ? BIO_ctrl_pending(conn->out) - conn->out_at : 0; }

/* Sends collected bytes as far as the socket takes them. False on an error of the socket. */
bool conn_flush(struct conn *conn) {
  size_t waiting = conn_waiting(conn);
  if (waiting > 0) {
    char *bytes;
    BIO_get_mem_data(conn->out, &bytes);
    long sent = send(conn->fd, bytes + conn->out_at, waiting, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != ENOTCONN) return false;
    if (sent > 0) conn->out_at += (size_t)sent;
    if (conn_waiting(conn) == 0) {
      (void)BIO_reset(conn->out);
      conn->out_at = 0;
    }
  }
  conn_watch(conn);
  return true;
}

void conn_watch(struct conn *conn) {
  uint32_t wanted = EPOLLIN | (conn->want_write || conn_waiting(conn) > 0 ? EPOLLOUT : 0u);
  if (wanted == conn->watched) return;
  struct epoll_event event = {.events = wanted, .data.ptr = conn};
  conn->watched = wanted;
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
}

void conn_close(struct conn *conn) {
  if (conn->fd < 0) return;
  if (conn->ssl) {
    if (conn->up) {
      SSL_shutdown(conn->ssl);
      conn_flush(conn);
    }
    SSL_free(conn->ssl);
  }
  close(conn->fd);
  conn->fd = -1;
  conn->ssl = NULL;
  conn->out = NULL;
}
