// SPDX-License-Identifier: GPL-2.0
/* mlock2mon explain: why a lock failed or what it cost, and what to change. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diagnosis.h"
#include "explain.h"
#include "libmlock2mon.h"
#include "origin.h"
#include "record.h"
#include "remedy.h"
#include "tool.h"
#include "words.h"

#define PROC		"/proc"
#define MOST_PROCESSES	10

struct options {
	const char	*path;
	bool		all;
	uint32_t	pid;		/* 0: every process */
	char		**command;	/* or NULL */
};

/* --- a process that has gone: its program and its unit by their names --- */

static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

/* Where a shell would find @name; false if it would not. */
static bool find_program(const char *name, const char *dirs, char *path, size_t room)
{
	if (strchr(name, '/'))
		return is_program(name) && realpath(name, path);
	while (*dirs) {
		size_t len = strcspn(dirs, ":");

		snprintf(path, room, "%.*s/%s", (int)len, dirs, name);
		if (is_program(path))
			return true;
		dirs += len + (dirs[len] == ':');
	}
	return false;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Does a line of the unit start the program? */
static bool unit_starts(const char *unit, const char *exe)
{
	FILE *in = fopen(unit, "re");
	char *line = NULL;
	size_t room = 0;
	bool found = false;

	while (in && !found && getline(&line, &room, in) > 0) {
		char *word = line + strlen("ExecStart=");

		if (strncmp(line, "ExecStart=", strlen("ExecStart=")))
			continue;
		word += strspn(word, "-@:+!");
		word[strcspn(word, "\n ")] = '\0';
		found = !strcmp(word, exe);
	}
	free(line);
	if (in)
		fclose(in);
	return found;
}

static bool guess_unit(struct facts *facts)
{
	static const char *const dirs[] = {
		"/etc/systemd/system/*.service", "/run/systemd/system/*.service",
		"/usr/lib/systemd/system/*.service", "/lib/systemd/system/*.service",
	};
	glob_t units = { 0 };
	bool found = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(dirs); i++)
		glob(dirs[i], i ? GLOB_APPEND : 0, NULL, &units);
	for (i = 0; i < units.gl_pathc && !found; i++) {
		found = is_unit_name(base_name(units.gl_pathv[i])) &&
			unit_starts(units.gl_pathv[i], facts->exe);
		if (found)
			snprintf(facts->place.name, sizeof(facts->place.name), "%s",
				 base_name(units.gl_pathv[i]));
	}
	globfree(&units);
	return found;
}

/*
 * The program of a process that has gone: the word of the command that has its name (it
 * may stand behind other programs, that become it), or what is installed by that name.
 * False if there is none.
 */
static bool guess_program(struct facts *facts, const struct story *s, char *const *command)
{
	static const char standard[] =
		"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	const char *dirs = getenv("PATH") ? getenv("PATH") : standard;
	char *const *word;
	char path[PATH_MAX];

	for (word = command; word && *word; word++) {
		if (strncmp(base_name(*word), s->last.comm, MLOCK2MON_COMM_LEN - 1) ||
		    !find_program(*word, dirs, path, sizeof(path)))
			continue;
		facts_of_program(facts, path);
		facts->guessed = word > command;
		return true;
	}
	if (strchr(s->last.comm, '/') ||
	    !find_program(s->last.comm, standard, path, sizeof(path)))
		return false;
	facts_of_program(facts, path);
	facts->guessed = true;
	return true;
}

/* A service is looked for only if nothing better is known. */
static void guess_facts(struct facts *facts, const struct story *s, char *const *command)
{
	char path[PATH_MAX];

	*facts = (struct facts){ .cap_bounding = ~0ULL };
	guess_program(facts, s, command);
	if (cgroup_path(s->last.cgroup, path, sizeof(path)))
		place_of(&facts->place, path);
	if (!command && facts->place.kind == PLACE_UNKNOWN && facts->guessed && guess_unit(facts))
		facts->place.kind = PLACE_SERVICE;
}

/* When it was looked at it was perhaps about to end, and had no program any more. */
static void recall_facts(struct facts *facts, const struct story *s, char *const *command)
{
	struct facts program;

	*facts = *s->facts;
	if (facts->exe[0] || !guess_program(&program, s, command))
		return;
	memcpy(facts->exe, program.exe, sizeof(facts->exe));
	facts->file_cap = program.file_cap;
	facts->guessed = program.guessed;
}

/*
 * The process as it is now, unless its number is another's by now: that is looked at
 * last, for if it is this one then, it was all the time.
 */
static bool alive(struct facts *facts, const struct story *s)
{
	return facts_read(facts, PROC, s->pid) && origin_alive(PROC, s->pid, s->start_ns);
}

/* --- one process --- */

static uint64_t own_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return FACTS_UNLIMITED;
	return limit.rlim_cur;
}

static void look_inside(struct situation *at, const struct story *s)
{
	struct part range;

	if (diagnosis_needs_hole(s, &range))
		at->hole_known = facts_hole(PROC, s->pid, range, &at->hole);
	if (s->onfault)
		at->resident_known = facts_resident(PROC, s->pid, &at->lockable_kb,
						    &at->resident_kb);
}

void explain_story(FILE *out, const struct story *s, const struct watch *w, bool related)
{
	struct situation at = { .own_limit = own_limit(), .related = related };
	char *const *command = w ? w->command : NULL;
	struct facts facts;

	at.patient.uid = s->last.uid;
	at.patient.command = command;
	at.patient.sets_limit = diagnosis_record(s)->limit != at.own_limit;
	at.patient.facts = &facts;
	if (alive(&facts, s))
		look_inside(&at, s);
	else if (s->facts)
		recall_facts(&facts, s, command);
	else
		guess_facts(&facts, s, command);
	diagnosis_write(out, s, &at);
}

/* --- all there is to explain --- */

static size_t explain_all(FILE *out, const struct stories *all, const struct options *opt,
			  bool related)
{
	size_t i, first, nr;
	const struct story **list = stories_told(all, opt->pid, &nr);

	first = opt->all || nr < MOST_PROCESSES ? 0 : nr - MOST_PROCESSES;
	for (i = first; i < nr; i++) {
		if (i > first)
			putc('\n', out);
		explain_story(out, list[i], NULL, related);
	}
	free(list);
	return nr;
}

/* Programs that ask for no limit, and are refused that, do not try to lock (chronyd). */
static void explain_silence(FILE *out, uint64_t hard_limit)
{
	struct words text;

	words_begin(&text, out);
	words_add(&text, "If it was to lock some, it may have given up before that: there are "
		  "programs that raise RLIMIT_MEMLOCK first, beyond the hard limit, which is %"
		  PRIu64 " KiB here. Without CAP_SYS_RESOURCE they must not, and perhaps say so. "
		  "With no limit there is nothing to raise.", hard_limit / 1024);
	words_end(&text, 2);
}

static void explain_silent_command(FILE *out, char *const *command)
{
	struct rlimit limit;

	fputs("The command made no call that locks or unlocks memory.\n", out);
	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_max == RLIM_INFINITY)
		return;
	explain_silence(out, limit.rlim_max);
	remedy_no_limit(out, command);
}

void explain_watch(FILE *out, const struct watch *w)
{
	size_t i;

	for (i = 0; i < w->stories.nr; i++) {
		if (i)
			putc('\n', out);
		explain_story(out, &w->stories.story[i], w, w->related);
	}
	if (!w->stories.nr)
		explain_silent_command(out, w->command);
}

/* --- the history --- */

static bool read_history(struct stories *all, struct mlock2mon *device)
{
	struct mlock2mon_record rec = { 0 };
	struct mlock2mon_info info;
	int got = 1;

	/* What comes meanwhile is left out, or in a flood this would never end. */
	if (mlock2mon_get_info(device, &info))
		return false;
	while (rec.seq + 1 < info.next && got > 0) {
		got = mlock2mon_next(device, &rec);
		if (got > 0)
			stories_add(all, &rec);
	}
	return got >= 0;
}

static struct mlock2mon *open_history(const struct options *opt, bool *related)
{
	struct mlock2mon_filter filter = { .fields = MLOCK2MON_FILTER_TGID, .tgid = opt->pid };
	struct mlock2mon *device = mlock2mon_open(opt->path, 0);
	struct mlock2mon_info info;

	if (!device) {
		tool_cannot_open(opt->path, MLOCK2MON_DEVICE);
		return NULL;
	}
	if (mlock2mon_get_info(device, &info) ||
	    (opt->pid && mlock2mon_set_filter(device, &filter))) {
		fprintf(stderr, "mlock2mon: cannot ask %s: %s\n", opt->path, strerror(errno));
		mlock2mon_close(device);
		return NULL;
	}
	*related = info.features & MLOCK2MON_FEATURE_RELATED;
	return device;
}

static bool may_not_raise(const struct facts *facts)
{
	uint64_t capable = FACTS_CAP_IPC_LOCK | FACTS_CAP_SYS_RESOURCE;

	return facts->hard_limit != FACTS_UNLIMITED &&
	       (facts->other_userns || !(facts->cap_effective & capable));
}

/* A process that made no call since the module was loaded, or is none. */
static int nothing_of(const struct options *opt)
{
	struct facts facts;
	struct words w;

	if (!opt->pid) {
		puts("No call has failed, as far as the module remembers.");
		return TOOL_DONE;
	}
	if (!facts_read(&facts, PROC, opt->pid)) {
		fprintf(stderr, "mlock2mon: there is no process %" PRIu32 ", and no record of "
			"one\n",
			opt->pid);
		return TOOL_FAILED;
	}
	words_begin(&w, stdout);
	words_add(&w, "Process %" PRIu32 " has made no call that the module remembers. It has "
		  "%" PRIu64
		  " KiB locked, and RLIMIT_MEMLOCK is ", opt->pid, facts.locked_kb);
	if (facts.limit == FACTS_UNLIMITED)
		words_add(&w, "unlimited.");
	else
		words_add(&w, "%" PRIu64 " KiB.", facts.limit / 1024);
	if (facts.cap_effective & FACTS_CAP_IPC_LOCK && !facts.other_userns)
		words_add(&w, " It has CAP_IPC_LOCK, so the limit does not apply.");
	words_end(&w, 0);
	if (may_not_raise(&facts)) {
		explain_silence(stdout, facts.hard_limit);
		remedy_limit(stdout, &(struct patient){ .facts = &facts, .uid = facts.uid },
			     (struct need){ .unlimited = true });
	}
	return TOOL_DONE;
}

static int explain_history(const struct options *opt)
{
	struct stories all = { 0 };
	struct mlock2mon *device;
	int status = TOOL_DONE;
	bool related;

	device = open_history(opt, &related);
	if (!device)
		return TOOL_FAILED;
	if (!read_history(&all, device)) {
		fprintf(stderr, "mlock2mon: cannot read %s: %s\n", opt->path, strerror(errno));
		status = TOOL_FAILED;
	} else if (!explain_all(stdout, &all, opt, related)) {
		status = nothing_of(opt);
	}
	if (all.lost)
		fprintf(stderr, "mlock2mon: %" PRIu64 " records were lost before they could be "
			"read\n",
			all.lost);
	if (all.forgotten)
		fprintf(stderr, "mlock2mon: %" PRIu64 " older processes are left out\n",
			all.forgotten);
	mlock2mon_close(device);
	stories_free(&all);
	return status;
}

static int explain_command(const struct options *opt)
{
	struct watch w;
	int status = watch_command(&w, opt->path, opt->command);

	if (!status)
		explain_watch(stdout, &w);
	watch_free(&w);
	return status;
}

/* --- options --- */

static bool wrong(const char *what, const char *which)
{
	fprintf(stderr, "mlock2mon: %s%s\n", which, what);
	return false;
}

/* What is left: nothing, a process, or a command behind "--". */
static bool parse_subject(struct options *opt, int argc, char **argv)
{
	uint64_t pid;

	if (optind == argc)
		return strcmp(argv[optind - 1], "--") || wrong("-- needs a command behind it", "");
	if (!strcmp(argv[optind - 1], "--")) {
		opt->command = argv + optind;
		return true;
	}
	if (!span_u64(span_of(argv[optind]), &pid) || !pid || pid > INT32_MAX)
		return wrong(" is not the number of a process; a command comes behind --",
			     argv[optind]);
	opt->pid = pid;
	return optind + 1 == argc || wrong(" is one argument too many", argv[optind + 1]);
}

static bool parse_options(struct options *opt, int argc, char **argv, bool *help)
{
	static const struct option names[] = {
		{ "all",	no_argument,		NULL, 'a' },
		{ "device",	required_argument,	NULL, 'd' },
		{ "help",	no_argument,		NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+ad:h", names, NULL)) != -1) {
		switch (c) {
		case 'a':
			opt->all = true;
			break;
		case 'd':
			opt->path = optarg;
			break;
		case 'h':
			*help = true;
			return true;
		default:
			return false;
		}
	}
	return parse_subject(opt, argc, argv);
}

int explain_main(const struct command *self, int argc, char **argv)
{
	struct options opt = { .path = MLOCK2MON_DEVICE };
	bool help = false;

	if (!parse_options(&opt, argc, argv, &help))
		return tool_misused(self);
	if (help)
		return tool_help(self);
	return tool_finish(opt.command ? explain_command(&opt) : explain_history(&opt));
}
