/* Parses the response body of a gateway: frames with PDUs with payload. It follows the lengths and buffers only headers. */
#include "load.h"
#include <string.h>

static size_t min_size(size_t one, uint64_t other) { return one < other ? one : (size_t)other; }

static uint32_t little_endian(const uint8_t *bytes, int length) {
  uint32_t value = 0;
  while (length-- > 0) value = value << 8 | bytes[length];
  return value;
}

static void begin_pdu(struct stream *stream) {
  const struct script *script = stream->script;
  stream->pdu_length = 0;
  stream->pdu_left = little_endian(stream->pdu + script->length_at, 4) - script->header;
  stream->pdu_data = little_endian(stream->pdu + script->type_at, 2) == script->data_type;
  stream->overhead_left = stream->pdu_data ? script->overhead - script->header : 0;
}

static size_t pdu_header(struct stream *stream, const uint8_t *bytes, size_t length) {
  size_t part = min_size(length, stream->script->header - stream->pdu_length);
  memcpy(stream->pdu + stream->pdu_length, bytes, part);
  stream->pdu_length += part;
  if (stream->pdu_length == stream->script->header) begin_pdu(stream);
  return part;
}

static size_t pdu_body(struct stream *stream, const uint8_t *bytes, size_t length) {
  size_t part = min_size(length, stream->pdu_left);
  if (stream->overhead_left > 0) {
    part = min_size(part, stream->overhead_left);
    stream->overhead_left -= part;
  } else if (stream->pdu_data) {
    stream->payload(stream->owner, bytes, part);
  }
  stream->pdu_left -= part;
  if (stream->pdu_left == 0 && !stream->pdu_data) stream->answered(stream->owner);
  return part;
}

static void pdu_bytes(struct stream *stream, const uint8_t *bytes, size_t length) {
  while (length > 0 && !stream->over) {
    size_t part = stream->pdu_left == 0 ? pdu_header(stream, bytes, length) : pdu_body(stream, bytes, length);
    bytes += part;
    length -= part;
  }
}

/* A server does not mask its frames (RFC 6455 5.1, 5.2). */
static void frame_header(struct stream *stream, uint8_t byte) {
  stream->frame[stream->frame_length++] = byte;
  if (stream->frame_length < 2) return;
  size_t short_length = stream->frame[1] & 127;
  size_t more = short_length == 127 ? 8 : short_length == 126 ? 2 : 0;
  if (stream->frame_length < 2 + more) return;
  uint64_t long_length = 0;
  for (size_t i = 0; i < more; i++) long_length = long_length << 8 | stream->frame[2 + i];
  stream->frame_left = more ? long_length : short_length;
  stream->frame_control = (stream->frame[0] & 8) != 0;
  stream->frame_length = 0;
}

static void frame_bytes(struct stream *stream, const uint8_t *bytes, size_t length) {
  while (length > 0 && !stream->over) {
    size_t part = 1;
    if (stream->frame_left == 0) {
      frame_header(stream, *bytes);
    } else {
      part = min_size(length, stream->frame_left);
      if (!stream->frame_control) pdu_bytes(stream, bytes, part);
      stream->frame_left -= part;
    }
    bytes += part;
    length -= part;
  }
}

void stream_bytes(struct stream *stream, const uint8_t *bytes, size_t length) {
  size_t seed = min_size(length, stream->seed_left);
  stream->seed_left -= seed;
  bytes += seed;
  length -= seed;
  if (stream->script->transport == WEBSOCKET) frame_bytes(stream, bytes, length);
  else if (stream->script->transport == DUAL) pdu_bytes(stream, bytes, length);
  else if (length > 0) stream->payload(stream->owner, bytes, length);
}
