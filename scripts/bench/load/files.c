/* What the bench hands over: scripts and blocks, numbers as 32 bits in the byte order of the machine. */
#include "load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A run uses a few; the same file is read once. */
enum { MAX_FILES = 256 };

struct loaded {
  char path[512];
  void *value;
};

static struct loaded loaded[MAX_FILES];
static int files;

static void *known(const char *path) {
  for (int i = 0; i < files; i++)
    if (strcmp(loaded[i].path, path) == 0) return loaded[i].value;
  return NULL;
}

static void *remember(const char *path, void *value) {
  if (files == MAX_FILES) {
    fprintf(stderr, "load: more than %d files\n", MAX_FILES);
    exit(1);
  }
  snprintf(loaded[files].path, sizeof loaded[files].path, "%s", path);
  loaded[files++].value = value;
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
  struct block *block = known(path);
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
  return remember(path, block);
}

const struct script *read_script(const char *path) {
  struct script *script = known(path);
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
  return remember(path, script);
}

/* Whether these bytes continue a stream that repeats the payload of the block. */
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
