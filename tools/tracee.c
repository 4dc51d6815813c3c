// SPDX-License-Identifier: GPL-2.0
/*
 * Records as Tracee writes its events, in both of its dialects: that of its protobuf
 * events, and that of the releases up to 0.24. Order of keys, types and escapes are
 * Tracee's, and so are the ids of tasks, so that its events and ours can be joined.
 */
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>

#include "murmur.h"
#include "out.h"
#include "text.h"
#include "tracee.h"

#define NS_PER_S	1000000000LL
#define ID_SEED		0x18273645
#define ID_GRAIN_NS	100000000	/* start times are rounded down to this */

/* The arguments of a call, in their order. */
enum argument {
	ADDR	= 1,
	LEN	= 2,
	FLAGS	= 4,
};

static const struct call {
	const char	*name;
	int		id;		/* everywhere the same */
	int		legacy_id;	/* the number of the system call here */
	unsigned int	arguments;
} calls[] = {
	[MLOCK2MON_MLOCK2]	= { "mlock2", 326, SYS_mlock2, ADDR | LEN | FLAGS },
	[MLOCK2MON_MLOCK]	= { "mlock", 150, SYS_mlock, ADDR | LEN },
	[MLOCK2MON_MUNLOCK]	= { "munlock", 151, SYS_munlock, ADDR | LEN },
	[MLOCK2MON_MLOCKALL]	= { "mlockall", 152, SYS_mlockall, FLAGS },
	[MLOCK2MON_MUNLOCKALL]	= { "munlockall", 153, SYS_munlockall, 0 },
};

/* Whether Tracee has such an event: the family, of which the call reached the kernel. */
bool tracee_knows(const struct mlock2mon_record *rec)
{
	return rec->call < ARRAY_SIZE(calls) && rec->why != MLOCK2MON_WHY_BLOCKED;
}

/* Of the task with that number that started then, nanoseconds since 1970. */
uint32_t tracee_id(uint32_t tid, int64_t start_ns)
{
	uint64_t start = (uint64_t)start_ns / ID_GRAIN_NS * ID_GRAIN_NS;
	uint8_t key[12];
	int i;

	for (i = 0; i < 4; i++)
		key[i] = tid >> (24 - 8 * i);
	for (i = 0; i < 8; i++)
		key[4 + i] = start >> (56 - 8 * i);
	return murmur3(key, sizeof(key), ID_SEED);
}

/* --- strings --- */

static char *put_escape(char *to, char c)
{
	*to++ = '\\';
	*to++ = c;
	return to;
}

/*
 * The escapes that both dialects have, and those of what could disturb a terminal, which
 * Tracee writes as it is: who reads the JSON sees no difference. Null if the symbol is
 * none of them.
 */
static char *put_escaped(char *to, const struct symbol *sym)
{
	static const char short_form[] = "\"\"\\\\\nn\rr\tt\bb\ff";
	const char *p;

	for (p = short_form; *p; p += 2) {
		if (sym->code == (unsigned char)p[0])
			return put_escape(to, p[1]);
	}
	if (!symbol_is_control(sym))
		return NULL;
	return to + sprintf(to, "\\u%04x", (unsigned int)sym->code);
}

/* What is no UTF-8 is left out, and the mark that stands for it elsewhere, too. */
static char *put_symbol(char *to, const struct symbol *sym)
{
	char *end = sym->valid ? put_escaped(to, sym) : to;

	if (end)
		return end;
	return sym->code == 0xfffd ? to : put_bytes(to, sym->byte, sym->len);
}

/* As Go's encoding/json does, which writes for HTML. */
static char *put_symbol_legacy(char *to, const struct symbol *sym)
{
	char *end = sym->valid ? put_escaped(to, sym) : put_text(to, "\\ufffd");

	if (end)
		return end;
	if (sym->code == '<' || sym->code == '>' || sym->code == '&')
		return to + sprintf(to, "\\u%04x", (unsigned int)sym->code);
	return put_bytes(to, sym->byte, sym->len);
}

static char *put_string(char *to, const char *text, size_t len,
			char *(*put)(char *to, const struct symbol *sym))
{
	struct source src = { text, text + len, false };
	struct symbol sym;

	*to++ = '"';
	while (symbol_next(&src, &sym))
		to = put(to, &sym);
	*to++ = '"';
	return to;
}

static size_t comm_len(const struct mlock2mon_record *rec)
{
	return strnlen(rec->comm, sizeof(rec->comm));
}

static const char *container_of_origin(const struct origin *origin)
{
	return origin && origin->container[0] ? origin->container : NULL;
}

/* --- numbers with a key --- */

static char *key_u64(char *to, const char *key, uint64_t value)
{
	return put_u64(put_text(to, key), value);
}

static char *key_s64(char *to, const char *key, int64_t value)
{
	return put_s64(put_text(to, key), value);
}

/* RFC 3339 in UTC, nanoseconds without the zeroes at their end. */
static char *put_time(char *to, int64_t ns)
{
	time_t seconds = ns / NS_PER_S;
	uint32_t below = ns % NS_PER_S;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm))
		return put_s64(to, ns);
	to += strftime(to, 64, "\"%Y-%m-%dT%H:%M:%S", &tm);
	if (below) {
		*to++ = '.';
		to = put_nine(to, below);
		while (to[-1] == '0')
			to--;
	}
	return put_text(to, "Z\"");
}

/* --- the protobuf dialect --- */

static char *put_thread(char *to, const struct mlock2mon_record *rec, int64_t boot_ns)
{
	to = put_text(to, "{");
	if (rec->start_ns) {
		to = put_time(put_text(to, "\"start_time\":"), boot_ns + rec->start_ns);
		*to++ = ',';
	}
	if (comm_len(rec)) {
		to = put_string(put_text(to, "\"name\":"), rec->comm, comm_len(rec), put_symbol);
		*to++ = ',';
	}
	to = key_u64(to, "\"unique_id\":", tracee_id(rec->tid, boot_ns + rec->start_ns));
	to = key_u64(to, ",\"host_tid\":", rec->tid);
	to = key_u64(to, ",\"tid\":", rec->ns_tid);
	to = put_text(put_text(to, ",\"syscall\":\""), calls[rec->call].name);
	return put_text(to, rec->attr & MLOCK2MON_ATTR_COMPAT ? "\",\"compat\":true}" : "\"}");
}

static char *put_process(char *to, const struct mlock2mon_record *rec, const struct origin *origin,
			 int64_t boot_ns)
{
	const char *path = origin ? origin->executable : NULL;

	*to++ = '{';
	if (path) {
		to = put_text(to, "\"executable\":{\"path\":");
		to = put_text(put_string(to, path, strlen(path), put_symbol), "},");
	}
	to = key_u64(to, "\"unique_id\":", tracee_id(rec->pid, boot_ns + rec->leader_start_ns));
	to = key_u64(to, ",\"host_pid\":", rec->pid);
	to = key_u64(to, ",\"pid\":", rec->ns_pid);
	to = key_u64(to, ",\"real_user\":{\"id\":", rec->uid);
	to = put_thread(put_text(to, "},\"thread\":"), rec, boot_ns);
	if (rec->parent_start_ns) {
		to = key_u64(to, ",\"ancestors\":[{\"unique_id\":",
			     tracee_id(rec->ppid, boot_ns + rec->parent_start_ns));
		to = key_u64(to, ",\"host_pid\":", rec->ppid);
		to = put_text(key_u64(to, ",\"pid\":", rec->ns_ppid), "}]");
	}
	return put_text(to, "}");
}

static char *put_data(char *to, const struct mlock2mon_record *rec)
{
	unsigned int has = calls[rec->call].arguments;

	to = put_text(to, ",\"data\":[");
	if (has & ADDR)
		to = put_text(key_u64(to, "{\"name\":\"addr\",\"pointer\":\"", rec->addr), "\"},");
	if (has & LEN)
		to = put_text(key_u64(to, "{\"name\":\"len\",\"u_int64\":\"", rec->len), "\"},");
	if (has & FLAGS)
		to = put_text(key_s64(to, "{\"name\":\"flags\",\"int32\":", (int32_t)rec->flags),
			      "},");
	return put_text(key_s64(to, "{\"name\":\"returnValue\",\"int64\":\"", rec->ret), "\"}]");
}

char *tracee_json(char *to, const struct mlock2mon_record *rec, const struct origin *origin,
		  const struct tracee_world *world)
{
	const char *container = container_of_origin(origin);

	to = put_time(put_text(to, "{\"timestamp\":"), world->boot_ns + rec->ts_ns);
	to = key_u64(to, ",\"id\":", calls[rec->call].id);
	to = put_text(put_text(to, ",\"name\":\""), calls[rec->call].name);
	to = put_text(to, "\",\"policies\":{\"matched\":[\"\"]},\"workload\":{\"process\":");
	to = put_process(to, rec, origin, world->boot_ns);
	if (container) {
		to = put_text(put_text(to, ",\"container\":{\"id\":\""), container);
		to = put_text(to, "\",\"name\":\"\",\"started\":true}");
	}
	return put_text(put_data(put_text(to, "}"), rec), "}\n");
}

/* --- the older dialect --- */

static char *put_ids(char *to, const struct mlock2mon_record *rec)
{
	to = key_u64(to, ",\"processorId\":", rec->cpu);
	to = key_u64(to, ",\"processId\":", rec->ns_pid);
	to = key_u64(to, ",\"cgroupId\":", rec->cgroup);
	to = key_u64(to, ",\"threadId\":", rec->ns_tid);
	to = key_u64(to, ",\"parentProcessId\":", rec->ns_ppid);
	to = key_u64(to, ",\"hostProcessId\":", rec->pid);
	to = key_u64(to, ",\"hostThreadId\":", rec->tid);
	to = key_u64(to, ",\"hostParentProcessId\":", rec->ppid);
	to = key_u64(to, ",\"userId\":", rec->uid);
	to = key_u64(to, ",\"mountNamespace\":", rec->mnt_ns);
	return key_u64(to, ",\"pidNamespace\":", rec->pid_ns);
}

static char *put_names(char *to, const struct mlock2mon_record *rec, const struct origin *origin,
		       const char *hostname)
{
	const char *path = origin && origin->executable ? origin->executable : "";
	const char *container = container_of_origin(origin);

	to = put_string(put_text(to, ",\"processName\":"), rec->comm, comm_len(rec),
			put_symbol_legacy);
	to = put_text(to, ",\"executable\":{\"path\":");
	to = put_string(to, path, strlen(path), put_symbol_legacy);
	to = put_text(to, "},\"hostName\":");
	to = put_string(to, hostname, strlen(hostname), put_symbol_legacy);
	if (!container)
		return put_text(to, ",\"containerId\":\"\",\"container\":{}");
	to = put_text(put_text(to, ",\"containerId\":\""), container);
	to = put_text(put_text(to, "\",\"container\":{\"id\":\""), container);
	return put_text(to, "\"}");
}

static char *put_event(char *to, const struct mlock2mon_record *rec, bool in_container)
{
	const struct call *call = &calls[rec->call];

	to = key_u64(to, ",\"kubernetes\":{},\"eventId\":\"", call->legacy_id);
	to = put_text(put_text(to, "\",\"eventName\":\""), call->name);
	to = key_u64(to, "\",\"matchedPolicies\":[\"\"],\"argsNum\":",
		     __builtin_popcount(call->arguments));
	to = key_s64(to, ",\"returnValue\":", rec->ret);
	to = put_text(put_text(to, ",\"syscall\":\""), call->name);
	to = put_text(to, "\",\"stackAddresses\":null,\"contextFlags\":{\"containerStarted\":");
	to = put_text(to, in_container ? "true" : "false");
	to = put_text(to, ",\"isCompat\":");
	return put_text(to, rec->attr & MLOCK2MON_ATTR_COMPAT ? "true}" : "false}");
}

static char *put_task_ids(char *to, const struct mlock2mon_record *rec, int64_t boot_ns)
{
	to = key_u64(to, ",\"threadEntityId\":", tracee_id(rec->tid, boot_ns + rec->start_ns));
	to = key_u64(to, ",\"processEntityId\":",
		     tracee_id(rec->pid, boot_ns + rec->leader_start_ns));
	return key_u64(to, ",\"parentEntityId\":", rec->parent_start_ns ?
		       tracee_id(rec->ppid, boot_ns + rec->parent_start_ns) : 0);
}

static char *put_args(char *to, const struct mlock2mon_record *rec)
{
	unsigned int has = calls[rec->call].arguments;
	const char *begin = to;

	if (has & ADDR)
		to = key_u64(to, ",{\"name\":\"addr\",\"type\":\"trace.Pointer\",\"value\":",
			     rec->addr);
	if (has & LEN)
		to = key_u64(put_text(to, has & ADDR ? "}" : ""),
			     ",{\"name\":\"len\",\"type\":\"uint64\",\"value\":", rec->len);
	if (has & FLAGS)
		to = key_s64(put_text(to, has & LEN ? "}" : ""),
			     ",{\"name\":\"flags\",\"type\":\"int32\",\"value\":",
			     (int32_t)rec->flags);
	return to == begin ? to : put_text(to, "}");
}

char *tracee_legacy(char *to, const struct mlock2mon_record *rec, const struct origin *origin,
		    const struct tracee_world *world)
{
	char *list;

	to = key_s64(to, "{\"timestamp\":", world->boot_ns + rec->ts_ns);
	to = key_s64(to, ",\"threadStartTime\":", world->boot_ns + rec->start_ns);
	to = put_names(put_ids(to, rec), rec, origin, world->hostname);
	to = put_event(to, rec, container_of_origin(origin));
	list = put_text(put_task_ids(to, rec, world->boot_ns), ",\"args\":");
	to = put_args(list, rec);
	/* The first comma is where the list begins. */
	if (to == list)
		*to++ = ',';
	*list = '[';
	return put_text(to, "]}\n");
}
