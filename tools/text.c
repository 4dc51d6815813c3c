// SPDX-License-Identifier: GPL-2.0
/*
 * Strings and numbers, as JSON and as people read them.
 *
 * A process may call itself anything, and what is written here ends up on
 * terminals: whatever could move the cursor, end a line or turn the direction
 * of writing is spelled out.
 */
#include <stdbool.h>
#include <string.h>

#include "text.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* An escape nobody defined stands for itself: the backslash is then a byte like another. */
static bool next_byte(struct source *src, unsigned char *byte)
{
	const char *p = src->at;

	if (p == src->end)
		return false;
	*byte = *p++;
	if (src->escaped && *byte == '\\' && p < src->end) {
		if (*p == '"' || *p == '\\') {
			*byte = *p++;
		} else if (*p == 'x' && src->end - p >= 3 &&
			   hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0) {
			*byte = hex_digit(p[1]) << 4 | hex_digit(p[2]);
			p += 3;
		}
	}
	src->at = p;
	return true;
}

/* Length of a sequence that begins so, 0 if none does; the bits the first byte holds. */
static size_t sequence_length(unsigned char first, uint32_t *bits)
{
	if (first < 0x80) {
		*bits = first;
		return 1;
	}
	if (first >= 0xc2 && first <= 0xdf) {
		*bits = first & 0x1f;
		return 2;
	}
	if (first >= 0xe0 && first <= 0xef) {
		*bits = first & 0x0f;
		return 3;
	}
	if (first >= 0xf0 && first <= 0xf4) {
		*bits = first & 0x07;
		return 4;
	}
	return 0;
}

static bool is_scalar(uint32_t code, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };

	return code >= least[len] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

bool symbol_next(struct source *src, struct symbol *sym)
{
	struct source ahead;
	size_t want, i;

	if (!next_byte(src, &sym->byte[0]))
		return false;
	sym->len = 1;
	want = sequence_length(sym->byte[0], &sym->code);
	ahead = *src;
	for (i = 1; i < want; i++) {
		if (!next_byte(&ahead, &sym->byte[i]) || (sym->byte[i] & 0xc0) != 0x80)
			break;
		sym->code = sym->code << 6 | (sym->byte[i] & 0x3f);
	}
	sym->valid = want && i == want && is_scalar(sym->code, want);
	if (sym->valid) {
		sym->len = want;
		*src = ahead;
	}
	return true;
}

/* Control characters, line separators, and marks that turn the direction of writing. */
bool symbol_is_control(const struct symbol *sym)
{
	uint32_t code = sym->code;

	return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x61c ||
	       code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

static void json_symbol(FILE *out, const struct symbol *sym)
{
	if (!sym->valid)
		fputs("\xef\xbf\xbd", out);
	else if (sym->code == '"' || sym->code == '\\')
		fprintf(out, "\\%c", (int)sym->code);
	else if (symbol_is_control(sym))
		fprintf(out, "\\u%04x", (unsigned int)sym->code);
	else
		fwrite(sym->byte, 1, sym->len, out);
}

static void write_json(FILE *out, struct span text, bool escaped)
{
	struct source src = { text.at, text.at + text.len, escaped };
	struct symbol sym;

	putc('"', out);
	while (symbol_next(&src, &sym))
		json_symbol(out, &sym);
	putc('"', out);
}

void json_string(FILE *out, struct span text)
{
	write_json(out, text, false);
}

/* The same of a string in which the device escaped bytes. */
void json_escaped(FILE *out, struct span text)
{
	write_json(out, text, true);
}

/* A number where the text is one, else a string. */
void json_value(FILE *out, struct span text)
{
	if (span_is_number(text))
		fwrite(text.at, 1, text.len, out);
	else
		json_string(out, text);
}

/* Does a backslash stand there that would be read as the beginning of \xNN? */
static bool looks_spelled(const struct symbol *sym, struct source behind)
{
	struct symbol x, digit;
	int i;

	if (sym->code != '\\' || !symbol_next(&behind, &x) || !x.valid || x.code != 'x')
		return false;
	for (i = 0; i < 2; i++) {
		if (!symbol_next(&behind, &digit) || digit.len != 1 || hex_digit(digit.byte[0]) < 0)
			return false;
	}
	return true;
}

/*
 * Columns written; a character is taken to be one wide. Two names that differ are written
 * differently; paths of others, which use \xNN themselves, are written as they are.
 */
static size_t write_plain(FILE *out, struct span text, bool escaped)
{
	struct source src = { text.at, text.at + text.len, escaped };
	struct symbol sym;
	size_t i, columns = 0;

	while (symbol_next(&src, &sym)) {
		if (sym.valid && !symbol_is_control(&sym) &&
		    !(escaped && looks_spelled(&sym, src))) {
			fwrite(sym.byte, 1, sym.len, out);
			columns++;
			continue;
		}
		for (i = 0; i < sym.len; i++)
			columns += fprintf(out, "\\x%02x", sym.byte[i]);
	}
	return columns;
}

size_t plain_string(FILE *out, struct span text)
{
	return write_plain(out, text, false);
}

size_t plain_escaped(FILE *out, struct span text)
{
	return write_plain(out, text, true);
}

/* At least one blank, so that a value too wide for its column still ends. */
void pad_column(FILE *out, size_t used, size_t width)
{
	do {
		putc(' ', out);
	} while (++used <= width);
}

void plain_column(FILE *out, struct span text, size_t width)
{
	pad_column(out, plain_string(out, text), width);
}

/* 64K, 8M, 4.9K, 100: exact where a whole number of units, else to a tenth. */
const char *size_text(uint64_t bytes, char buf[TEXT_SIZE_MAX])
{
	static const char unit[] = "KMGTPE";
	uint64_t one = 1024;
	size_t i = 0;

	if (bytes < one) {
		snprintf(buf, TEXT_SIZE_MAX, "%u", (unsigned int)bytes);
		return buf;
	}
	while (unit[i + 1] && bytes / 1024 >= one) {
		one *= 1024;
		i++;
	}
	if (bytes % one)
		snprintf(buf, TEXT_SIZE_MAX, "%.1f%c", (double)bytes / one, unit[i]);
	else
		snprintf(buf, TEXT_SIZE_MAX, "%u%c", (unsigned int)(bytes / one), unit[i]);
	return buf;
}

const char *duration_text(uint64_t ns, char buf[TEXT_SIZE_MAX])
{
	if (ns < 1000)
		snprintf(buf, TEXT_SIZE_MAX, "%uns", (unsigned int)ns);
	else if (ns < 1000000)
		snprintf(buf, TEXT_SIZE_MAX, "%.1fus", ns / 1e3);
	else if (ns < 1000000000)
		snprintf(buf, TEXT_SIZE_MAX, "%.1fms", ns / 1e6);
	else
		snprintf(buf, TEXT_SIZE_MAX, "%.2fs", ns / 1e9);
	return buf;
}
