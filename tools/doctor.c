// SPDX-License-Identifier: GPL-2.0
/* mlock2mon doctor: is everything there that is needed, and does it work? */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "counters.h"
#include "libmlock2mon.h"
#include "record.h"
#include "text.h"
#include "tool.h"

enum verdict { FINE, WARNING, PROBLEM };

static const char *const verdict_name[] = { "ok", "warning", "problem" };

/* What is asked, and the report as far as it goes. */
struct visit {
	const char	*root;		/* of the machine looked at, for tests; else empty */
	bool		json;
	size_t		findings;
	bool		sick;
	bool		loaded;
	struct counters	counters;
	char		release[128];	/* of the kernel */
};

/* --- the report --- */

/* @advice is NULL if there is nothing to do. Both may hold words of others. */
static void find(struct visit *v, enum verdict how, const char *subject, const char *what,
		 const char *advice)
{
	v->sick |= how == PROBLEM;
	if (v->json) {
		printf("%s{\"subject\":\"%s\",\"verdict\":\"%s\",\"what\":", v->findings ? "," : "",
		       subject, verdict_name[how]);
		json_string(stdout, span_of(what));
		fputs(",\"advice\":", stdout);
		if (advice)
			json_string(stdout, span_of(advice));
		else
			fputs("null", stdout);
		putchar('}');
	} else {
		printf("%-8s %-12s ", verdict_name[how], subject);
		plain_string(stdout, span_of(what));
		putchar('\n');
		if (advice) {
			printf("%22s", "");
			plain_string(stdout, span_of(advice));
			putchar('\n');
		}
	}
	v->findings++;
}

__attribute__((format(printf, 5, 6)))
static void findf(struct visit *v, enum verdict how, const char *subject, const char *advice,
		  const char *format, ...)
{
	char *what = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&what, format, args) < 0)
		what = NULL;
	va_end(args);
	find(v, how, subject, what ? what : "out of memory", advice);
	free(what);
}

/* --- files of the machine --- */

static void path_of(const struct visit *v, const char *path, char *to, size_t room)
{
	snprintf(to, room, "%s%s", v->root, path);
}

static bool is_there(const struct visit *v, const char *path)
{
	char full[512];

	path_of(v, path, full, sizeof(full));
	return !access(full, F_OK);
}

/* The first line of a file; false, and errno says why, if it cannot be had. */
static bool read_line(const struct visit *v, const char *path, char *line, size_t room)
{
	char full[512];
	FILE *in;
	bool ok;

	path_of(v, path, full, sizeof(full));
	in = fopen(full, "re");
	if (!in)
		return false;
	ok = fgets(line, room, in);
	fclose(in);
	line[ok ? strcspn(line, "\n") : 0] = '\0';
	return ok;
}

static void know_kernel(struct visit *v)
{
	struct utsname name;

	if (*v->root && read_line(v, "/proc/sys/kernel/osrelease", v->release, sizeof(v->release)))
		return;
	uname(&name);
	snprintf(v->release, sizeof(v->release), "%s", name.release);
}

/* --- the module --- */

static void why_not_loaded(struct visit *v)
{
	char path[256];

	snprintf(path, sizeof(path), "/lib/modules/%s", v->release);
	if (is_there(v, "/sys/module/mlock2mon"))
		find(v, PROBLEM, "module", "it is loaded, but has no files in /proc",
		     "Is another /proc mounted here, of a container? Look from outside.");
	else if (!is_there(v, path))
		findf(v, PROBLEM, "module",
		      "Install the modules of the running kernel, or start the kernel installed "
		      "last.",
		      "it is not loaded, and there are no modules for kernel %s",
		      v->release);
	else
		find(v, PROBLEM, "module", "it is not loaded",
		     "As root: modprobe mlock2mon if it is installed, or insmod mlock2mon.ko where "
		     "it "
		     "was built.");
}

static void check_module(struct visit *v)
{
	char path[512];
	struct span id;
	FILE *in;

	path_of(v, MLOCK2MON_PROC "/stats", path, sizeof(path));
	in = fopen(path, "re");
	if (!in) {
		why_not_loaded(v);
		return;
	}
	v->loaded = counters_read(&v->counters, in);
	fclose(in);
	if (!v->loaded) {
		find(v, PROBLEM, "module", "what it says in /proc/mlock2mon/stats is not "
		     "understood",
		     "Is this command older than the module? Install both of one version.");
		return;
	}
	id = counters_text(&v->counters, "load_id");
	findf(v, FINE, "module", NULL, "it is loaded, load %.*s", (int)id.len, id.at);
}

static void check_version(struct visit *v)
{
	struct span version = counters_text(&v->counters, "version");
	bool same = span_is(version, MLOCK2MON_VERSION);

	findf(v, same ? FINE : WARNING, "version",
	      same ? NULL : "Install both of one version, then: rmmod mlock2mon; modprobe "
	      "mlock2mon",
	      "this command is %s, the module is %.*s", MLOCK2MON_VERSION, (int)version.len,
	      version.at);
}

/* --- the probes --- */

static bool starts(struct span text, const char *prefix)
{
	return text.len >= strlen(prefix) && !memcmp(text.at, prefix, strlen(prefix));
}

/* @state is "inactive" and the name or number of an error. */
static const char *probe_advice(struct span state)
{
	static const struct {
		const char	*error;
		const char	*advice;
	} reasons[] = {
		{ "ENOENT", "This kernel has no such function: it was built without it." },
		{ "EINVAL", "The function may not be probed, or is inlined. See the kernel log." },
		{ "ENOMEM", "No memory for it: load the module with a smaller maxactive." },
		{ "EPERM", "The kernel forbids it: see lockdown and kprobes below." },
		{ "EBUSY", "Something else has hold of it. Load the module again." },
	};
	const char *blank = memrchr(state.at, ' ', state.len);
	size_t i;

	for (i = 0; blank && i < ARRAY_SIZE(reasons); i++) {
		struct span error = { blank + 1, state.at + state.len - (blank + 1) };

		if (span_is(error, reasons[i].error))
			return reasons[i].advice;
	}
	return "See the kernel log of when the module was loaded: dmesg | grep mlock2mon";
}

static void check_probes(struct visit *v)
{
	size_t i, active = 0, all = 0;

	for (i = 0; i < v->counters.nr; i++) {
		const struct counter *c = &v->counters.counter[i];

		if (!starts(c->key, "probe."))
			continue;
		all++;
		if (span_is(c->value, "active")) {
			active++;
			continue;
		}
		findf(v, WARNING, "probe", probe_advice(c->value), "%.*s is not watched: %.*s",
		      (int)c->key.len - 6, c->key.at + 6, (int)c->value.len, c->value.at);
	}
	findf(v, active ? FINE : PROBLEM, "probes", NULL, "%zu of %zu are active", active, all);
	if (span_is(counters_text(&v->counters, "probes.live"), "0"))
		find(v, PROBLEM, "probes", "they do not fire: calls pass unseen and uncounted",
		     "Switch them on: sysctl kernel.ftrace_enabled=1; "
		     "echo 1 >/sys/kernel/debug/kprobes/enabled");
	else
		find(v, FINE, "probes", "they fire", NULL);
}

/* --- what was missed --- */

static uint64_t missed_calls(const struct counters *all)
{
	uint64_t sum = 0, value;
	size_t i;

	for (i = 0; i < all->nr; i++) {
		struct span key = all->counter[i].key;

		if (key.len > 7 && !memcmp(key.at + key.len - 7, ".missed", 7) &&
		    span_u64(all->counter[i].value, &value))
			sum += value;
	}
	return sum;
}

static void check_loss(struct visit *v, uint64_t number, const char *what, const char *advice)
{
	if (number)
		findf(v, WARNING, "losses", advice, "%" PRIu64 " %s", number, what);
}

static void check_losses(struct visit *v)
{
	const struct counters *all = &v->counters;
	uint64_t missed = missed_calls(all);
	uint64_t dropped = counters_number(all, span_of("ring"), "dropped");
	uint64_t lost = counters_number(all, span_of("readers"), "lost");
	uint64_t untracked = counters_number(all, span_of("tasks"), "untracked");
	uint64_t refused = counters_number(all, span_of("ledger"), "refused");
	uint64_t unknown = counters_number(all, span_of("libc"), "unknown");

	if (!missed && !dropped && !lost && !untracked && !refused && !unknown)
		find(v, FINE, "losses", "nothing was missed, dropped or lost", NULL);
	check_loss(v, missed, "calls were missed: too many were in the kernel at once",
		   "Load the module with a larger maxactive.");
	check_loss(v, dropped, "records were dropped", "Load the module with a larger "
		   "ring_records.");
	check_loss(v, lost, "records were overwritten before their reader came to them",
		   "Read faster, or load the module with a larger ring_records.");
	check_loss(v, untracked, "calls were made by tasks without an account",
		   "Load the module with a larger max_tasks.");
	check_loss(v, refused, "processes were not in the ledger: sums of delta_kb are not exact",
		   "Load the module again, with a larger max_tasks.");
	check_loss(v, unknown, "calls of the C library may have been blocked unseen",
		   "If tasks are without an account too, load the module with a larger max_tasks.");
}

static void check_related(struct visit *v)
{
	char line[16];

	if (!read_line(v, "/sys/module/mlock2mon/parameters/related", line, sizeof(line)))
		return;
	if (*line == '0' || *line == 'N')
		find(v, FINE, "related",
		     "mmap, munmap and their like are not watched (related=0)", NULL);
	else
		find(v, FINE, "related", "mmap, munmap and their like are watched, too (related=1)",
		     NULL);
}

/* --- the device --- */

static void device_fails(struct visit *v, int error)
{
	if (error == EACCES)
		find(v, WARNING, "device", "you may not open " MLOCK2MON_DEVICE,
		     "Be root: events, explain and run need it, stat needs it for processes.");
	else if (error == EPERM)
		find(v, WARNING, "device", "you are root without CAP_PERFMON and CAP_SYS_ADMIN, "
		     "perhaps in a container",
		     "Look from outside, or give one of them in the initial user namespace.");
	else if (error == EPROTO)
		find(v, PROBLEM, "device", "the module speaks another version of the protocol",
		     "Install module and command of one version.");
	else
		findf(v, PROBLEM, "device", "Is /dev another one, of a container? Is udev running?",
		      "cannot open " MLOCK2MON_DEVICE ": %s", strerror(error));
}

static void check_device(struct visit *v)
{
	struct mlock2mon_info info;
	struct mlock2mon *device;

	if (*v->root)
		return;		/* of another machine there is none to open */
	device = mlock2mon_open(NULL, 0);
	if (!device || mlock2mon_get_info(device, &info)) {
		device_fails(v, errno);
	} else if (info.abi != MLOCK2MON_ABI) {
		findf(v, WARNING, "device", "Install module and command of one version.",
		      "it has ABI %u, this command was made for %u", info.abi, MLOCK2MON_ABI);
	} else {
		findf(v, FINE, "device", NULL, "it can be read: ABI %u, %" PRIu64 " of %" PRIu64
		      " records kept", info.abi, (uint64_t)(info.next - info.oldest),
		      (uint64_t)info.records);
	}
	mlock2mon_close(device);
}

/* --- the kernel's switches --- */

/* A switch that must be on, unless it cannot be seen. */
static void check_switch(struct visit *v, const char *subject, const char *path,
			 const char *advice)
{
	char line[32];

	if (!read_line(v, path, line, sizeof(line))) {
		if (errno == EACCES || errno == EPERM)
			findf(v, WARNING, subject, "As root it can be seen.", "%s cannot be read",
			      path);
		return;
	}
	if (*line == '0')
		findf(v, PROBLEM, subject, advice, "%s is 0", path);
	else
		findf(v, FINE, subject, NULL, "%s is %s", path, line);
}

static void check_lockdown(struct visit *v)
{
	char line[64];

	if (!read_line(v, "/sys/kernel/security/lockdown", line, sizeof(line)))
		return;
	if (strstr(line, "[none]"))
		find(v, FINE, "lockdown", "off", NULL);
	else if (strstr(line, "[integrity]"))
		find(v, FINE, "lockdown", "integrity: only a signed module loads, and works", NULL);
	else
		find(v, WARNING, "lockdown", "confidentiality: perf, ftrace and bpftrace do not "
		     "see the "
		     "module's tracepoints",
		     "Use this command instead: the device and /proc/mlock2mon are not affected.");
}

static void check_signing(struct visit *v)
{
	static const char path[] = "/sys/module/module/parameters/sig_enforce";
	char line[16], taint[32] = "";

	if (!read_line(v, path, line, sizeof(line))) {
		find(v, FINE, "signing", "this kernel does not check signatures", NULL);
		return;
	}
	read_line(v, "/sys/module/mlock2mon/taint", taint, sizeof(taint));
	if (*line == 'Y' && !v->loaded)
		find(v, WARNING, "signing", "the kernel loads signed modules only (sig_enforce)",
		     "Sign mlock2mon.ko with a key that the kernel knows: README, Secure Boot.");
	else if (*line == 'Y')
		find(v, FINE, "signing", "the kernel loads signed modules only, and has loaded "
		     "this one",
		     NULL);
	else if (strchr(taint, 'E'))
		find(v, FINE, "signing", "the module is not signed; this kernel does not insist",
		     NULL);
	else
		find(v, FINE, "signing", "this kernel does not insist on it", NULL);
}

/* --- how the kernel was built --- */

static FILE *open_config(const struct visit *v, char *name, size_t room)
{
	char path[512], zcat[600];
	FILE *in;

	snprintf(name, room, "/boot/config-%s", v->release);
	path_of(v, name, path, sizeof(path));
	in = fopen(path, "re");
	if (in)
		return in;
	snprintf(name, room, "/proc/config.gz");
	path_of(v, name, path, sizeof(path));
	if (access(path, R_OK) || strchr(path, '\''))
		return NULL;
	snprintf(zcat, sizeof(zcat), "gzip -dc '%s'", path);
	return popen(zcat, "re");
}

static const struct feature {
	const char	*option;
	enum verdict	without;
	const char	*loss;
} features[] = {
	{ "CONFIG_MODULES", PROBLEM, "no module can be loaded" },
	{ "CONFIG_KPROBES", PROBLEM, "nothing can be probed" },
	{ "CONFIG_KRETPROBES", PROBLEM, "results of calls cannot be seen" },
	{ "CONFIG_TRACEPOINTS", PROBLEM, "exits cannot be seen" },
#ifndef __aarch64__	/* whose kprobes have nothing to do with ftrace */
	{ "CONFIG_KPROBES_ON_FTRACE", WARNING, "each call costs more" },
#endif
	{ "CONFIG_UPROBES", WARNING, "libc= does not work" },
	{ "CONFIG_PROC_EVENTS", WARNING, "'mlock2mon run' may miss children of children" },
	{ "CONFIG_TASKSTATS", WARNING, "which exit is a process's last is seen less exactly" },
};

static void check_option(struct visit *v, const struct feature *f, uint32_t found)
{
	if (!(found & 1U << (f - features)))
		findf(v, f->without, "kernel", "Use a kernel that was built with it.",
		      "built without %s: %s", f->option, f->loss);
}

static bool is_set(const char *line, const char *option)
{
	size_t len = strlen(option);

	return !strncmp(line, option, len) && line[len] == '=' && line[len + 1] != 'n';
}

static void check_config(struct visit *v)
{
	char name[256], line[512];
	uint32_t found = 0;
	FILE *in = open_config(v, name, sizeof(name));
	size_t i;

	if (!in) {
		findf(v, FINE, "kernel", NULL, "%s; how it was built is not told here",
		      v->release);
		return;
	}
	while (fgets(line, sizeof(line), in)) {
		for (i = 0; i < ARRAY_SIZE(features); i++)
			found |= (uint32_t)is_set(line, features[i].option) << i;
	}
	if (strstr(name, "config.gz"))
		pclose(in);
	else
		fclose(in);
	for (i = 0; i < ARRAY_SIZE(features); i++)
		check_option(v, &features[i], found);
	findf(v, FINE, "kernel", NULL, "%s, %d of %zu features it should have, by %s",
	      v->release, __builtin_popcount(found), ARRAY_SIZE(features), name);
}

/* --- the visit --- */

static void examine(struct visit *v)
{
	check_module(v);
	if (v->loaded) {
		check_version(v);
		check_probes(v);
		check_losses(v);
		check_related(v);
		check_device(v);
	}
#ifndef __aarch64__
	check_switch(v, "ftrace", "/proc/sys/kernel/ftrace_enabled",
		     "Switch it on: sysctl kernel.ftrace_enabled=1");
#endif
	check_switch(v, "kprobes", "/sys/kernel/debug/kprobes/enabled",
		     "Switch them on: echo 1 >/sys/kernel/debug/kprobes/enabled");
	check_lockdown(v);
	check_signing(v);
	check_config(v);
}

static bool parse_options(struct visit *v, int argc, char **argv, bool *help)
{
	static const struct option names[] = {
		{ "json",	no_argument,		NULL, 'j' },
		{ "root",	required_argument,	NULL, 'r' },
		{ "help",	no_argument,		NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "jr:h", names, NULL)) != -1) {
		switch (c) {
		case 'j':
			v->json = true;
			break;
		case 'r':
			v->root = optarg;
			break;
		case 'h':
			*help = true;
			return true;
		default:
			return false;
		}
	}
	if (optind == argc)
		return true;
	fprintf(stderr, "mlock2mon: %s is one argument too many\n", argv[optind]);
	return false;
}

int doctor_main(const struct command *self, int argc, char **argv)
{
	struct visit v = { .root = "" };
	bool help = false;

	if (!parse_options(&v, argc, argv, &help))
		return tool_misused(self);
	if (help)
		return tool_help(self);
	know_kernel(&v);
	if (v.json)
		printf("{\"checks\":[");
	examine(&v);
	if (v.json)
		printf("],\"healthy\":%s}\n", v.sick ? "false" : "true");
	else
		printf("\n%s\n", v.sick ? "Something is wrong, see the problems above."
					: "Healthy.");
	counters_free(&v.counters);
	return tool_finish(v.sick ? TOOL_FAILED : TOOL_DONE);
}
