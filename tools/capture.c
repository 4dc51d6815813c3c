// SPDX-License-Identifier: GPL-2.0
/*
 * A recording: records in a file, in blocks of which each can be trusted by itself.
 *
 * A file that ends anywhere, or is damaged anywhere, gives all blocks that are whole.
 * A block says which sequence numbers it accounts for, so what is missing between two
 * is known to the record, and given as a loss.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "crc32c.h"

#define HEADER_MOST	65536	/* bytes; a header may grow, but not to this */
#define RECORD_MOST	4096
/*
 * What may be summed up in vain, bytes: where each block is damaged it is once the file, so
 * what goes beyond some times what was read so far was made to take long.
 */
#define WASTE_TIMES	16
#define WASTE_BASE	(64 << 20)
#define WINDOW_SIZE	(2 * (sizeof(struct capture_block) + CAPTURE_PAYLOAD_MAX))

_Static_assert(sizeof(struct capture_header) == 512, "the format of a file");
_Static_assert(sizeof(struct capture_block) == 32, "the format of a file");
_Static_assert(sizeof(struct capture_origin) == 104, "the format of a file");
_Static_assert(sizeof(struct capture_end) == 32, "the format of a file");

static size_t round_up(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* --- writing --- */

static uint32_t header_crc(const struct capture_header *header)
{
	return crc32c(0, header, offsetof(struct capture_header, crc));
}

static uint32_t block_crc(const struct capture_block *block, const void *payload)
{
	struct capture_block plain = *block;

	plain.crc = 0;
	return crc32c(crc32c(0, &plain, sizeof(plain)), payload, plain.length);
}

static bool write_bytes(struct capture_writer *writer, const void *bytes, size_t size)
{
	writer->size += size;
	return fwrite(bytes, 1, size, writer->file) == size;
}

static bool write_block(struct capture_writer *writer, enum capture_kind kind,
			const void *payload, size_t length, uint64_t to)
{
	struct capture_block block = {
		.magic = CAPTURE_BLOCK_MAGIC,
		.kind = kind,
		.length = length,
		.from = writer->from,
		.to = to,
	};

	block.crc = block_crc(&block, payload);
	writer->from = to;
	return write_bytes(writer, &block, sizeof(block)) &&
	       write_bytes(writer, payload, length);
}

/*
 * Writes the header, of which all that tells of the world is set, to @writer->file.
 * @writer->next is the number that the first record can have.
 */
bool capture_begin(struct capture_writer *writer, struct capture_header *header)
{
	memcpy(header->magic, CAPTURE_MAGIC, sizeof(header->magic));
	header->version = CAPTURE_VERSION;
	header->order = CAPTURE_ORDER;
	header->header_size = sizeof(*header);
	header->record_size = sizeof(struct mlock2mon_record);
	header->first = writer->next;
	header->crc = header_crc(header);
	writer->from = writer->next;
	return write_bytes(writer, header, sizeof(*header)) && !fflush(writer->file);
}

/* @next: all records before this number have been seen. */
bool capture_flush(struct capture_writer *writer, uint64_t next)
{
	bool ok = true;

	if (writer->used)
		ok = write_block(writer, CAPTURE_RECORDS, writer->payload, writer->used, next);
	writer->used = 0;
	writer->next = next;
	return ok && !fflush(writer->file);
}

bool capture_add(struct capture_writer *writer, const struct mlock2mon_record *rec)
{
	if (writer->used + sizeof(*rec) > CAPTURE_PAYLOAD_MAX &&
	    !capture_flush(writer, writer->next))
		return false;
	memcpy(writer->payload + writer->used, rec, sizeof(*rec));
	writer->used += sizeof(*rec);
	if (rec->call == MLOCK2MON_LOST) {
		writer->next = rec->seq + rec->len;
		writer->sum.lost += rec->len;
	} else {
		writer->next = rec->seq + 1;
		writer->sum.records++;
	}
	return true;
}

bool capture_add_origin(struct capture_writer *writer, const struct origin *origin)
{
	size_t len = origin->executable ? strlen(origin->executable) : 0;
	char payload[sizeof(struct capture_origin) + ORIGIN_PATH_MAX + 8] = { 0 };
	struct capture_origin head = {
		.start_ns = origin->start_ns,
		.pid = origin->pid,
		.executable_len = len,
	};

	memcpy(head.comm, origin->comm, sizeof(head.comm));
	memcpy(head.container, origin->container, sizeof(origin->container));
	memcpy(payload, &head, sizeof(head));
	if (len)
		memcpy(payload + sizeof(head), origin->executable, len);
	return write_block(writer, CAPTURE_ORIGIN, payload, round_up(sizeof(head) + len),
			   writer->from);
}

/* Nothing may be added then. */
bool capture_end(struct capture_writer *writer, const struct capture_end *end)
{
	return capture_flush(writer, writer->next) &&
	       write_block(writer, CAPTURE_END, end, sizeof(*end), writer->next) &&
	       !fflush(writer->file);
}

/* --- reading --- */

static const char *header_problem(const struct capture_header *header)
{
	if (memcmp(header->magic, CAPTURE_MAGIC, sizeof(header->magic)))
		return "is not a recording of mlock2mon";
	if (header->order != CAPTURE_ORDER)
		return "was recorded on a machine with another order of bytes";
	if (header->version != CAPTURE_VERSION)
		return "has a version of the format that is not known here";
	if (header->header_size < sizeof(*header) || header->header_size > HEADER_MOST ||
	    header->record_size < sizeof(struct mlock2mon_record) ||
	    header->record_size > RECORD_MOST || header->record_size % 8 ||
	    header->crc != header_crc(header))
		return "has a damaged header";
	return NULL;
}

static void end_strings(struct capture_header *header)
{
	header->hostname[CAPTURE_NAME_LEN - 1] = '\0';
	header->release[CAPTURE_NAME_LEN - 1] = '\0';
	header->machine[CAPTURE_NAME_LEN - 1] = '\0';
}

/* Passes over what a later writer put behind the header. */
static bool skip_bytes(FILE *file, size_t size)
{
	while (size--) {
		if (getc(file) == EOF)
			return false;
	}
	return true;
}

/* Null; or what is wrong with the file. The reader must be closed in any case. */
const char *capture_open(struct capture_reader *reader, FILE *file)
{
	struct capture_header *header = &reader->header;
	const char *problem;

	*reader = (struct capture_reader){ .file = file };
	if (fread(header, 1, sizeof(*header), file) != sizeof(*header))
		return ferror(file) ? strerror(errno) : "is not a recording of mlock2mon";
	problem = header_problem(header);
	if (problem)
		return problem;
	end_strings(header);
	if (!skip_bytes(file, header->header_size - sizeof(*header)))
		return "has a damaged header";
	reader->window = malloc(WINDOW_SIZE);
	reader->offset = header->header_size;
	reader->next = header->first;
	return reader->window ? NULL : "needs more memory than there is";
}

void capture_close(struct capture_reader *reader)
{
	free(reader->window);
	reader->window = NULL;
}

/* From the first record again; false if the file cannot go back. */
bool capture_rewind(struct capture_reader *reader)
{
	if (fseeko(reader->file, reader->header.header_size, SEEK_SET))
		return false;
	reader->health = (struct capture_health){ 0 };
	reader->next = reader->header.first;
	reader->offset = reader->header.header_size;
	reader->wasted = 0;
	reader->lost = false;
	reader->at = NULL;
	reader->end = NULL;
	reader->begin = 0;
	reader->used = 0;
	if (reader->origins)
		origin_free(reader->origins);
	return true;
}

/* Has at least so many bytes in the window; false if the file has no more. */
static bool fill_window(struct capture_reader *reader, size_t size)
{
	if (reader->used - reader->begin >= size)
		return true;
	if (feof(reader->file))
		return false;
	memmove(reader->window, reader->window + reader->begin, reader->used - reader->begin);
	reader->used -= reader->begin;
	reader->begin = 0;
	reader->used += fread(reader->window + reader->used, 1, WINDOW_SIZE - reader->used,
			      reader->file);
	return reader->used >= size;
}

static bool block_plausible(const struct capture_block *block)
{
	return block->magic == CAPTURE_BLOCK_MAGIC && block->length <= CAPTURE_PAYLOAD_MAX &&
	       !(block->length % 8) && block->from <= block->to;
}

/* A whole block at the beginning of the window: copied, and its payload. */
static char *find_block(struct capture_reader *reader, struct capture_block *block)
{
	char *payload;

	if (!fill_window(reader, sizeof(*block)))
		return NULL;
	memcpy(block, reader->window + reader->begin, sizeof(*block));
	if (!block_plausible(block) || !fill_window(reader, sizeof(*block) + block->length))
		return NULL;
	payload = reader->window + reader->begin + sizeof(*block);
	if (block->crc == block_crc(block, payload))
		return payload;
	reader->wasted += sizeof(*block) + block->length;
	return NULL;
}

/* What is no block is passed over until one comes, or it is no use, or nobody waits for it. */
static bool pass_over(struct capture_reader *reader)
{
	if (reader->begin == reader->used)
		return false;
	reader->stopped = reader->stop && reader->stop();
	reader->health.hopeless = reader->wasted > WASTE_TIMES * reader->offset + WASTE_BASE;
	if (reader->stopped || reader->health.hopeless)
		return false;
	reader->health.damages += !reader->lost;
	reader->lost = true;
	reader->health.damaged_bytes++;
	reader->begin++;
	reader->offset++;
	return true;
}

static void take_origin(struct capture_reader *reader, const struct capture_block *block,
			const char *payload)
{
	struct origin origin = { 0 };
	struct capture_origin head;
	char path[ORIGIN_PATH_MAX];

	if (!reader->origins || block->length < sizeof(head))
		return;
	memcpy(&head, payload, sizeof(head));
	if (head.executable_len > block->length - sizeof(head) ||
	    head.executable_len >= sizeof(path))
		return;
	memcpy(path, payload + sizeof(head), head.executable_len);
	path[head.executable_len] = '\0';
	origin.start_ns = head.start_ns;
	origin.pid = head.pid;
	memcpy(origin.comm, head.comm, sizeof(origin.comm));
	/* Forms write an id as it is, so nothing else may be taken for one. */
	head.container[sizeof(head.container) - 1] = '\0';
	origin_container(head.container, origin.container);
	origin.executable = head.executable_len ? path : NULL;
	origin_put(reader->origins, &origin);
}

static void take_block(struct capture_reader *reader, const struct capture_block *block,
		       char *payload)
{
	size_t size = reader->header.record_size;

	if (block->kind == CAPTURE_RECORDS) {
		reader->at = payload;
		reader->end = payload + block->length / size * size;
	} else if (block->kind == CAPTURE_ORIGIN) {
		take_origin(reader, block, payload);
	} else if (block->kind == CAPTURE_END && block->length >= sizeof(reader->sum)) {
		memcpy(&reader->sum, payload, sizeof(reader->sum));
		reader->health.ended = true;
	}
}

/* The numbers between two blocks that follow each other: of what was damaged. */
static bool make_loss(struct capture_reader *reader, uint64_t from, struct mlock2mon_record *rec)
{
	if (from <= reader->next)
		return false;
	memset(rec, 0, sizeof(*rec));
	rec->call = MLOCK2MON_LOST;
	rec->seq = reader->next;
	rec->len = from - reader->next;
	rec->attr = reader->header.filter.fields ? MLOCK2MON_ATTR_UNFILTERED : 0;
	return true;
}

/* Takes a block; false if there is none any more. @loss: there is one before it, in @rec. */
static bool next_block(struct capture_reader *reader, struct mlock2mon_record *rec, bool *loss)
{
	struct capture_block block;
	char *payload;

	do {
		payload = find_block(reader, &block);
	} while (!payload && pass_over(reader));
	if (!payload)
		return false;
	reader->lost = false;
	reader->begin += sizeof(block) + block.length;
	reader->offset += sizeof(block) + block.length;
	*loss = make_loss(reader, block.from, rec);
	if (block.to > reader->next)
		reader->next = block.to;
	take_block(reader, &block, payload);
	return true;
}

/* Counts what is behind the end. */
static void look_behind(struct capture_reader *reader)
{
	while (!reader->stopped && fill_window(reader, 1)) {
		reader->health.behind += reader->used - reader->begin;
		reader->begin = reader->used;
		reader->stopped = reader->stop && reader->stop();
	}
}

/* The next record or loss; false at the end, of which @reader->health tells more. */
bool capture_next(struct capture_reader *reader, struct mlock2mon_record *rec)
{
	bool loss = false;

	while (reader->at == reader->end) {
		if (reader->health.ended)
			look_behind(reader);
		if (reader->health.ended || !next_block(reader, rec, &loss))
			return false;
		if (loss)
			return true;
	}
	memcpy(rec, reader->at, sizeof(*rec));
	reader->at += reader->header.record_size;
	return true;
}
