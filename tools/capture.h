/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A recording: records in a file. mlock2mon-file(5) is the description of the format,
 * which the structures here are.
 */
#ifndef TOOLS_CAPTURE_H
#define TOOLS_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "mlock2mon.h"
#include "origin.h"

#define CAPTURE_MAGIC		"\211MLK2\r\n\032"
#define CAPTURE_VERSION		1
#define CAPTURE_ORDER		0x01020304
#define CAPTURE_BLOCK_MAGIC	0x324b4c42	/* BLK2 */
#define CAPTURE_PAYLOAD_MAX	(256 << 10)	/* bytes */
#define CAPTURE_NAME_LEN	72

struct capture_header {
	char			magic[8];
	uint32_t		version;
	uint32_t		order;		/* CAPTURE_ORDER, as the writer has numbers */
	uint32_t		header_size;	/* bytes; blocks begin behind it */
	uint32_t		record_size;
	uint32_t		abi;		/* MLOCK2MON_ABI of the module */
	uint32_t		page_size;
	uint64_t		load_id;
	int64_t			boot_ns;	/* CLOCK_REALTIME less CLOCK_BOOTTIME */
	uint64_t		begin_ns;	/* CLOCK_BOOTTIME */
	uint64_t		first;		/* sequence number that the blocks begin with */
	uint64_t		features;
	uint64_t		near_kb;
	struct mlock2mon_filter	filter;		/* of what was recorded */
	char			hostname[CAPTURE_NAME_LEN];
	char			release[CAPTURE_NAME_LEN];	/* of the kernel */
	char			machine[CAPTURE_NAME_LEN];
	char			reserved[148];	/* 0 */
	uint32_t		crc;		/* CRC-32C of what is before it */
};

enum capture_kind {
	CAPTURE_RECORDS	= 1,	/* struct mlock2mon_record, losses among them */
	CAPTURE_ORIGIN	= 2,	/* struct capture_origin and its text: of the blocks that follow */
	CAPTURE_END	= 3,	/* struct capture_end; nothing follows */
};

struct capture_block {
	uint32_t	magic;		/* CAPTURE_BLOCK_MAGIC */
	uint16_t	kind;		/* enum capture_kind; others are passed over */
	uint16_t	flags;		/* 0 */
	uint32_t	length;		/* of the payload, bytes, a multiple of 8 */
	uint32_t	crc;		/* CRC-32C of this with 0 here, and of the payload */
	uint64_t	from;		/* the sequence numbers that the block accounts for, */
	uint64_t	to;		/* this one no more */
};

struct capture_origin {
	uint64_t	start_ns;
	uint32_t	pid;
	uint32_t	executable_len;	/* of what follows, without NUL, filled up to 8 */
	char		comm[MLOCK2MON_COMM_LEN];
	char		container[72];
};

struct capture_end {
	uint64_t	end_ns;		/* CLOCK_BOOTTIME */
	uint64_t	records;
	uint64_t	lost;
	uint64_t	skipped;	/* kept back by the filter */
};

/* --- writing --- */

struct capture_writer {
	FILE			*file;
	uint64_t		next;		/* sequence number that comes next */
	uint64_t		from;		/* ... that the block begins with */
	uint64_t		size;		/* bytes written */
	struct capture_end	sum;
	size_t			used;
	char			payload[CAPTURE_PAYLOAD_MAX];
};

bool capture_begin(struct capture_writer *writer, struct capture_header *header);
bool capture_add(struct capture_writer *writer, const struct mlock2mon_record *rec);
bool capture_add_origin(struct capture_writer *writer, const struct origin *origin);
bool capture_flush(struct capture_writer *writer, uint64_t next);
bool capture_end(struct capture_writer *writer, const struct capture_end *end);

/* --- reading --- */

/* What is wrong with a file, all that was found. */
struct capture_health {
	uint64_t	damaged_bytes;	/* passed over */
	uint64_t	damages;	/* places where that was */
	uint64_t	behind;		/* bytes behind its end, not looked at */
	bool		ended;		/* it is complete */
	bool		hopeless;	/* given up: too much that looks like blocks and is none */
};

struct capture_reader {
	FILE			*file;
	struct capture_header	header;
	struct origins		*origins;	/* for what the file knows of processes, or NULL */
	struct capture_health	health;
	struct capture_end	sum;		/* if health.ended */
	uint64_t		next;		/* sequence number that was not yet accounted for */
	uint64_t		offset;		/* in the file, of what is decoded */
	uint64_t		wasted;		/* bytes summed up for blocks that were none */
	bool			lost;		/* the bytes that are looked at are no block */
	bool			stopped;	/* by @stop */
	bool			(*stop)(void);	/* asked where there is nothing to give, or NULL */
	char			*at;		/* records not yet given */
	char			*end;
	char			*window;	/* what was read of the file */
	size_t			begin;
	size_t			used;
};

const char *capture_open(struct capture_reader *reader, FILE *file);
bool capture_next(struct capture_reader *reader, struct mlock2mon_record *rec);
bool capture_rewind(struct capture_reader *reader);
void capture_close(struct capture_reader *reader);

#endif
