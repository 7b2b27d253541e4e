/* Reads the script and block files of traffic.js. Numbers have 32 bits in the byte order of the machine. */
#include "load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each file is read once and kept in a cache. */
enum { MAX_FILES = 256 };

struct cache_entry {
  char path[512];
  void *value;
};

static struct cache_entry cache[MAX_FILES];
static int file_count;

static void *cached(const char *path) {
  for (int i = 0; i < file_count; i++)
    if (strcmp(cache[i].path, path) == 0) return cache[i].value;
  return NULL;
}

static void *add_to_cache(const char *path, void *value) {
  if (file_count == MAX_FILES) {
    fprintf(stderr, "load: more than %d files\n", MAX_FILES);
    exit(1);
  }
  snprintf(cache[file_count].path, sizeof cache[file_count].path, "%s", path);
  cache[file_count++].value = value;
  return value;
}

static FILE *open_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    exit(1);
  }
  return file;
}

static void *bytes_of(FILE *file, size_t length) {
  void *bytes = malloc(length + 1);
  if (!bytes || fread(bytes, 1, length, file) != length) {
    fprintf(stderr, "load: a file is shorter than it says\n");
    exit(1);
  }
  return bytes;
}

const struct block *read_block(const char *path) {
  if (strcmp(path, "-") == 0) return NULL;
  struct block *block = cached(path);
  if (block) return block;
  FILE *file = open_file(path);
  uint32_t *counts = bytes_of(file, 2 * sizeof(uint32_t));
  block = calloc(1, sizeof *block);
  block->frames = counts[0];
  block->payload_length = counts[1];
  block->lengths = bytes_of(file, block->frames * sizeof(uint32_t));
  size_t wire = 0;
  for (uint32_t i = 0; i < block->frames; i++) wire += block->lengths[i];
  block->wire = bytes_of(file, wire);
  block->payload = bytes_of(file, block->payload_length);
  free(counts);
  fclose(file);
  return add_to_cache(path, block);
}

const struct script *read_script(const char *path) {
  struct script *script = cached(path);
  if (script) return script;
  FILE *file = open_file(path);
  uint32_t *fields = bytes_of(file, offsetof(struct script, step));
  script = calloc(1, sizeof *script);
  memcpy(script, fields, offsetof(struct script, step));
  script->step = calloc(script->steps + 1, sizeof(struct step));
  for (uint32_t i = 0; i < script->steps; i++) {
    struct step *step = &script->step[i];
    void *head = bytes_of(file, 3 * sizeof(uint32_t));
    memcpy(step, head, 3 * sizeof(uint32_t));
    free(head);
    step->bytes = bytes_of(file, step->length);
  }
  free(fields);
  fclose(file);
  return add_to_cache(path, script);
}

/* Whether the bytes continue, at offset `at`, a stream that repeats the payload of the block. Advances `at`. */
bool is_next(const struct block *block, uint64_t *at, const uint8_t *bytes, size_t length) {
  while (length > 0) {
    size_t offset = *at % block->payload_length;
    size_t part = block->payload_length - offset;
    if (part > length) part = length;
    if (memcmp(block->payload + offset, bytes, part) != 0) return false;
    *at += part;
    bytes += part;
    length -= part;
  }
  return true;
}
