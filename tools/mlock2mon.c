// SPDX-License-Identifier: GPL-2.0
/* The mlock2mon command: which subcommand to run, and what all of them share. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record.h"
#include "tool.h"

static int write_error;	/* the first error of stdout, an errno */

/* The options of choose.h. */
#define CHOICES									\
	"      --call NAME[,NAME...]  of these calls\n"				\
	"      --pid PID              of this process\n"			\
	"      --uid UID              of this user\n"				\
	"      --cgroup ID            of this cgroup\n"				\
	"      --failed               that failed\n"				\
	"      --min-bytes N[KMGT]    that asked for so much or more\n"		\
	"      --min-time N(ns|us|ms|s)  that took so long or longer\n"		\
	"      --near KB              that locked memory and left the task, unprivileged,\n" \
	"                             less than KB KiB below its limit\n"

/* The first one is what runs when none is named. */
static const struct command commands[] = {
	{
		"stat", "totals, health, and who locks most memory",
		"[-a] [--by WHAT] [--sort KEY] [--watch[=SECONDS]] [--json]\n"
		"                      [--proc DIR]\n"
		"\n"
		"Show what the module has counted since it was loaded, and the processes that\n"
		"have most memory locked.\n"
		"\n"
		"  -a, --all          show every process, not only the first ten\n"
		"  -b, --by WHAT      a table alone, a row for each task, process, user, cgroup or\n"
		"                     command\n"
		"  -s, --sort KEY     most first by locked, peak, calls, failures, time, longest or\n"
		"                     last (call); or in the order of pid or command\n"
		"  -w, --watch[=SECONDS]  again every two seconds, or so many\n"
		"  -j, --json         one JSON object with all of it\n"
		"  -p, --proc DIR     read stats and tasks in DIR, not in " MLOCK2MON_PROC "\n"
		"  -h, --help         show this text and leave\n"
		"\n"
		"Examples:\n"
		"  mlock2mon stat\n"
		"        Is anything failing, and was everything seen?\n"
		"  mlock2mon stat --json | jq .mlock2.failures\n"
		"        One number for a script.\n"
		"  mlock2mon stat --by user --sort failures --watch\n"
		"        Whose calls fail?\n",
		stat_main,
	},
	{
		"top", "the processes that lock memory, on a screen kept up to date",
		"[--interval SECONDS] [--sort KEY] [--filter TEXT] [--proc DIR]\n"
		"\n"
		"Show who has how much memory locked, how near the limit, how often they call and fail,\n"
		"until q is pressed; ? tells the keys.\n"
		"\n"
		"  -i, --interval SECONDS  from one look to the next (2)\n"
		"  -s, --sort KEY     first those with most locked memory, calls a second, failures or\n"
		"                     calls in flight, least headroom, or in the order of pid: locked,\n"
		"                     calls, failures, flight, headroom, pid\n"
		"  -f, --filter TEXT  only processes with TEXT in their name, or of that pid\n"
		"  -p, --proc DIR     read in DIR, not in " MLOCK2MON_PROC "\n"
		"  -h, --help         show this text and leave\n"
		"\n"
		"Examples:\n"
		"  mlock2mon top --sort headroom\n"
		"        Who is about to reach the limit?\n"
		"  mlock2mon top --filter java\n"
		"        How are they doing?\n",
		top_main,
	},
	{
		"events", "the calls, one line each, as they return",
		"[-n] [--json | --csv | --tracee | --tracee-legacy | --raw] [--color WHEN]\n"
		"                        [--since SEQ | --from-end] [--wall] [--device PATH] [--map]\n"
		"                        [CHOICE...]\n"
		"\n"
		"Show every call that locked or unlocked memory: the history that the module\n"
		"kept, oldest first, then each new call as it returns, until interrupted.\n"
		"\n"
		"  -n, --no-follow    leave after the history\n"
		"  -j, --json         one JSON object a line\n"
		"      --csv          a table of values separated by commas\n"
		"      --tracee       JSON as Tracee's events of these calls have it\n"
		"      --tracee-legacy  the same as its releases up to 0.24 have it\n"
		"  -r, --raw          the lines of the device, unchanged\n"
		"      --color WHEN   colours: auto (on a terminal), always or never\n"
		"  -s, --since SEQ    begin with the record of that number, 0 for the oldest\n"
		"  -e, --from-end     leave the history out\n"
		"  -w, --wall         local time instead of seconds since boot\n"
		"  -d, --device PATH  read from PATH, not from " MLOCK2MON_DEVICE "\n"
		"  -m, --map          look at the module's memory instead of reading\n"
		"  -h, --help         show this text and leave\n"
		"\n"
		"These choose records, in the module, so that only those come out of it that pass\n"
		"all of them:\n"
		"\n"
		CHOICES
		"\n"
		"Records that were overwritten before they could be read are told in their\n"
		"place, and their number once more at the end.\n"
		"\n"
		"Examples:\n"
		"  mlock2mon events --from-end\n"
		"        Watch what happens from now on.\n"
		"  mlock2mon events -n --failed\n"
		"        What has failed?\n"
		"  mlock2mon events --call mlock,mlock2 --min-time 10ms\n"
		"        Which calls take long?\n"
		"  mlock2mon events -n --since 4711\n"
		"        What came after the record seen last?\n",
		events_main,
	},
	{
		"record", "keep the calls in a file, to look at them later or elsewhere",
		"[-n] [--for SECONDS] [--since SEQ | --from-end] [--force]\n"
		"                        [--device PATH] [CHOICE...] FILE\n"
		"\n"
		"Write what the module has kept, and each new call as it returns, into FILE, until\n"
		"interrupted; - is standard output. 'mlock2mon report' shows it. Losses are kept in\n"
		"the file, and one that was cut off is used as far as it goes.\n"
		"\n"
		"  -n, --no-follow    leave after the history\n"
		"  -f, --for SECONDS  leave after so long\n"
		"  -s, --since SEQ    begin with the record of that number, 0 for the oldest\n"
		"  -e, --from-end     leave the history out\n"
		"  -F, --force        overwrite FILE if it is there\n"
		"  -d, --device PATH  read from PATH, not from " MLOCK2MON_DEVICE "\n"
		"  -h, --help         show this text and leave\n"
		"\n"
		"These choose records, in the module:\n"
		"\n"
		CHOICES
		"\n"
		"Examples:\n"
		"  mlock2mon record --from-end --for 60 minute.m2m\n"
		"        What happens in the next minute?\n"
		"  mlock2mon record --failed failures.m2m\n"
		"        Collect failures until Ctrl-C.\n",
		record_main,
	},
	{
		"report", "show a recording, as text, JSON, CSV, a page or a trace",
		"[--json | --csv | --tracee | --tracee-legacy | --raw | --perfetto |\n"
		"                        --html] [-o FILE] [--color WHEN] [--since SEQ] [--wall]\n"
		"                        [CHOICE...] FILE\n"
		"\n"
		"Show what 'mlock2mon record' has put into FILE; - is standard input.\n"
		"\n"
		"  -j, --json         one JSON object a line\n"
		"      --csv          a table of values separated by commas\n"
		"      --tracee       JSON as Tracee's events of these calls have it\n"
		"      --tracee-legacy  the same as its releases up to 0.24 have it\n"
		"  -r, --raw          lines as the device has them\n"
		"      --perfetto     a trace for the Perfetto UI: calls by thread, locked memory and\n"
		"                     headroom by process\n"
		"      --html         a page to look at: locked memory over time, how long calls took,\n"
		"                     failures by their reasons\n"
		"  -o, --output FILE  write to FILE, which is there only when it is complete\n"
		"      --color WHEN   colours: auto (on a terminal), always or never\n"
		"  -s, --since SEQ    begin with the record of that number\n"
		"  -w, --wall         local time instead of seconds since boot\n"
		"  -h, --help         show this text and leave\n"
		"\n"
		"These choose records, which must pass all of them:\n"
		"\n"
		CHOICES
		"\n"
		"Examples:\n"
		"  mlock2mon report --failed --wall minute.m2m\n"
		"        What failed, and when?\n"
		"  mlock2mon report --html -o minute.html minute.m2m\n"
		"        One file to open in a browser, or to send.\n",
		report_main,
	},
	{
		"explain", "why memory could not be locked, and what to change",
		"[-a] [--device PATH] [PID | -- COMMAND [ARGUMENT...]]\n"
		"\n"
		"Tell in plain words why calls failed or what they cost, and what to change: the\n"
		"commands for the world the process runs in. Of one process; of a command, which is\n"
		"run for it; or of the last ten processes of which a call failed.\n"
		"\n"
		"  -a, --all          of all processes of which a call failed\n"
		"  -d, --device PATH  read from PATH, not from " MLOCK2MON_DEVICE "\n"
		"  -h, --help         show this text and leave\n"
		"\n"
		"Examples:\n"
		"  mlock2mon explain\n"
		"        What went wrong lately?\n"
		"  mlock2mon explain $(pidof chronyd)\n"
		"        Of this process.\n"
		"  mlock2mon explain -- su user -c 'gpg --list-keys'\n"
		"        Run it, children included, and explain what it did.\n",
		explain_main,
	},
	{
		"run", "run a command and account for its locked memory",
		"[-b] [--output FILE] [--device PATH] [--] COMMAND [ARGUMENT...]\n"
		"\n"
		"Run a command, and when it has ended tell on standard error what it and its children\n"
		"did with locked memory, and explain it. The exit status is that of the command, or\n"
		"128 and the number of the signal that killed it.\n"
		"\n"
		"  -b, --brief        the tables only, no explanations\n"
		"  -o, --output FILE  write to FILE, not to standard error\n"
		"  -d, --device PATH  read from PATH, not from " MLOCK2MON_DEVICE "\n"
		"  -h, --help         show this text and leave\n"
		"\n"
		"Examples:\n"
		"  mlock2mon run gpg --list-keys\n"
		"        What does it lock?\n"
		"  mlock2mon run -o /tmp/account make test\n"
		"        Of all processes of a test.\n",
		run_main,
	},
	{
		"doctor", "is the module loaded, complete and able to work?",
		"[--json] [--root DIR]\n"
		"\n"
		"Check the module, its probes, what was missed, what the kernel allows and how it was\n"
		"built, and say what to do about what is not as it should be. The exit status is 0 if\n"
		"there is no problem, and 1 if there is one.\n"
		"\n"
		"  -j, --json         one JSON object\n"
		"  -r, --root DIR     look at the files of another machine, copied to DIR\n"
		"  -h, --help         show this text and leave\n"
		"\n"
		"Examples:\n"
		"  mlock2mon doctor\n"
		"        Is all well?\n"
		"  mlock2mon doctor --json | jq -r '.checks[] | select(.verdict != \"ok\").advice'\n"
		"        What is to be done?\n",
		doctor_main,
	},
	{
		"metrics", "the counters for Prometheus, by node_exporter",
		"[--output FILE] [--commands N] [--openmetrics] [--proc DIR]\n"
		"\n"
		"Write the counters in the text format of Prometheus, for the textfile collector of\n"
		"node_exporter. Labels are names of calls, errors, reasons and probes: some 140 series,\n"
		"and never more than 1500, whatever happens on the machine.\n"
		"\n"
		"  -o, --output FILE  replace FILE at once, so that nobody reads half of it\n"
		"  -c, --commands N   also the locked memory of the N commands (up to 100) that have\n"
		"                     most, and of the rest: N + 1 series more\n"
		"  -m, --openmetrics  OpenMetrics 1.0, for what reads nothing else\n"
		"  -p, --proc DIR     read from DIR, not from " MLOCK2MON_PROC "\n"
		"  -h, --help         show this text and leave\n"
		"\n"
		"Examples:\n"
		"  mlock2mon metrics -o /var/lib/prometheus/node-exporter/mlock2mon.prom\n"
		"        From a timer, once a minute.\n",
		metrics_main,
	},
};

static int help(void)
{
	size_t i;

	printf("Usage: mlock2mon [COMMAND] [OPTION...]\n\n"
	       "Show which programs lock and unlock memory, what came of it and why. The kernel\n"
	       "module mlock2mon must be loaded.\n\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-10s %s%s\n", commands[i].name, commands[i].summary,
		       i ? "" : " (without COMMAND)");
	printf("\n  --help     show this text and leave\n"
	       "  --version  show the version and leave\n\n"
	       "'mlock2mon COMMAND --help' tells the options of a command. mlock2mon(8) is the\n"
	       "manual, mlock2mon(4) explains the module and each key of a record.\n");
	return tool_finish(TOOL_DONE);
}

int tool_help(const struct command *cmd)
{
	printf("Usage: mlock2mon %s %s", cmd->name, cmd->usage);
	return tool_finish(TOOL_DONE);
}

/* getopt, or the caller, has said what is wrong. */
int tool_misused(const struct command *cmd)
{
	if (cmd)
		fprintf(stderr, "Try 'mlock2mon --help' or 'mlock2mon %s --help'.\n", cmd->name);
	else
		fprintf(stderr, "Try 'mlock2mon --help'.\n");
	return TOOL_MISUSED;
}

/*
 * Tell why @path could not be opened, from errno. What is known of the module's
 * own files does not hold for another, so compare with the @standard path.
 */
int tool_cannot_open(const char *path, const char *standard)
{
	int error = errno;

	fprintf(stderr, "mlock2mon: cannot open %s: %s\n", path, strerror(error));
	if (strcmp(path, standard))
		return TOOL_FAILED;
	if (error == ENOENT || error == ENXIO || error == ENODEV)
		fprintf(stderr,
			"The module is not loaded. Load it as root with 'modprobe mlock2mon', or with\n"
			"'insmod mlock2mon.ko' where it was built.\n");
	else if (error == EACCES || error == EPERM)
		fprintf(stderr,
			"This needs root (the file is readable by its owner only) with CAP_SYS_ADMIN or\n"
			"CAP_PERFMON in the initial user namespace.\n");
	return TOOL_FAILED;
}

/*
 * False once something could not be written. To be asked soon after writing:
 * what the error was is known only until the next one.
 */
bool tool_output_ok(void)
{
	if (!ferror(stdout))
		return true;
	if (!write_error)
		write_error = errno;
	return false;
}

/* What could not be written was not said: a failure, quiet if nobody listens any more. */
int tool_finish(int status)
{
	if (tool_output_ok())
		fflush(stdout);
	if (tool_output_ok())
		return status;
	if (write_error != EPIPE)
		fprintf(stderr, "mlock2mon: cannot write: %s\n", strerror(write_error));
	return TOOL_FAILED;
}

void *tool_grow(void *mem, size_t size)
{
	mem = realloc(mem, size);
	if (!mem) {
		fprintf(stderr, "mlock2mon: out of memory\n");
		exit(TOOL_FAILED);
	}
	return mem;
}

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	}
	return NULL;
}

/*
 * A file that is opened must not become standard output or error because those are closed:
 * what is meant for them would go into it. What takes their place cannot be used.
 */
static bool fill_standard(void)
{
	static int taken[STDERR_FILENO + 1];	/* they stay open */
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		taken[fd] = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
		if (taken[fd] != fd)
			return false;
	}
	return true;
}

/* Without a command there are options of the first, or none. */
static bool names_command(int argc, char **argv)
{
	return argc > 1 && argv[1][0] != '-';
}

static int version(int argc, char **argv)
{
	if (argc > 2) {
		fprintf(stderr, "mlock2mon: %s is one argument too many\n", argv[2]);
		return tool_misused(NULL);
	}
	printf("mlock2mon %s\n", MLOCK2MON_VERSION);
	return tool_finish(TOOL_DONE);
}

int main(int argc, char **argv)
{
	const struct command *cmd = &commands[0];

	if (!fill_standard())
		return TOOL_FAILED;
	/* A closed pipe is a write error like another, see tool_finish(). */
	signal(SIGPIPE, SIG_IGN);

	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return help();
	if (argc > 1 && (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")))
		return version(argc, argv);
	if (!names_command(argc, argv))
		return cmd->run(cmd, argc, argv);
	cmd = find_command(argv[1]);
	if (!cmd) {
		fprintf(stderr, "mlock2mon: there is no command '%s'\n", argv[1]);
		return tool_misused(NULL);
	}
	argv[1] = argv[0];	/* getopt begins its messages with it */
	return cmd->run(cmd, argc - 1, argv + 1);
}
