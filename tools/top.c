// SPDX-License-Identifier: GPL-2.0
/* mlock2mon top: the processes that lock memory, on a screen that is kept up to date. */
#define _GNU_SOURCE
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "live.h"
#include "text.h"
#include "tool.h"

#ifdef HAVE_NCURSES
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <ncurses.h>
#include <signal.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#include "clock.h"
#include "stop.h"

#define NS_PER_S	1000000000LL
#define HEAD_LINES	4	/* above the first process */
#define LONGEST_FILTER	32
#endif

#define MOST_SECONDS	3600

struct options {
	const char	*dir;
	const char	*filter;
	enum live_order	order;
	uint64_t	seconds;	/* from one look to the next */
};

static bool wrong(const char *what, const char *why)
{
	fprintf(stderr, "mlock2mon: %s %s\n", what, why);
	return false;
}

static bool parse_options(struct options *opt, int argc, char **argv, bool *help)
{
	static const struct option names[] = {
		{ "interval",	required_argument,	NULL, 'i' },
		{ "sort",	required_argument,	NULL, 's' },
		{ "filter",	required_argument,	NULL, 'f' },
		{ "proc",	required_argument,	NULL, 'p' },
		{ "help",	no_argument,		NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "i:s:f:p:h", names, NULL)) != -1) {
		switch (c) {
		case 'i':
			if (!span_u64(span_of(optarg), &opt->seconds) || !opt->seconds ||
			    opt->seconds > MOST_SECONDS)
				return wrong(optarg, "is not a number of seconds, 1 to 3600");
			break;
		case 's':
			if (!live_order(optarg, &opt->order))
				return wrong(optarg, "is none of locked, calls, failures, "
					     "headroom, flight, pid");
			break;
		case 'f':
			opt->filter = optarg;
			break;
		case 'p':
			opt->dir = optarg;
			break;
		case 'h':
			*help = true;
			return true;
		default:
			return false;
		}
	}
	return optind == argc || wrong(argv[optind], "is one argument too many");
}

#ifdef HAVE_NCURSES

struct screen {
	struct options	*opt;
	struct live	live;
	char		filter[LONGEST_FILTER + 1];
	bool		typing;		/* a filter is being typed */
	bool		paused;
	bool		helping;	/* the keys are shown, not the processes */
	bool		quit;
	size_t		first;		/* process that is shown */
	size_t		shown;		/* processes that pass the filter */
};

/* --- the terminal, given back whatever happens --- */

static struct {
	struct termios	mode;
	char		text[256];	/* that ends the full screen */
	size_t		len;
} terminal;

static void remember_terminal(void)
{
	static const char *const ends[] = { "sgr0", "cnorm", "rmkx", "rmcup" };
	size_t i, len;

	tcgetattr(STDIN_FILENO, &terminal.mode);
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		const char *text = tigetstr(ends[i]);

		if (!text || text == (const char *)-1)
			continue;
		len = strlen(text);
		if (terminal.len + len > sizeof(terminal.text))
			continue;
		memcpy(terminal.text + terminal.len, text, len);
		terminal.len += len;
	}
}

/* Only what a signal handler may do. The signal then kills as it does by default. */
static void on_death(int sig)
{
	ssize_t done = write(STDOUT_FILENO, terminal.text, terminal.len);

	(void)done;
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal.mode);
	raise(sig);
}

static void end_screen(void)
{
	endwin();
}

static bool begin_screen(void)
{
	static const int deaths[] = {
		SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL,
	};
	struct sigaction act = { .sa_handler = on_death, .sa_flags = SA_RESETHAND };
	struct termios before;
	size_t i;

	setlocale(LC_ALL, "");
	tcgetattr(STDIN_FILENO, &before);
	if (!newterm(NULL, stdout, stdin)) {
		fprintf(stderr, "mlock2mon: the terminal '%s' is not known\n",
			getenv("TERM") ? getenv("TERM") : "");
		return false;
	}
	remember_terminal();
	terminal.mode = before;
	atexit(end_screen);
	stop_on_signals();
	for (i = 0; i < ARRAY_SIZE(deaths); i++)
		sigaction(deaths[i], &act, NULL);
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	return true;
}

/* --- lines --- */

/* A line is written into memory and shown as far as the screen is wide. */
static FILE *line_begin(char **text, size_t *len)
{
	*text = NULL;
	return open_memstream(text, len);
}

static void line_end(FILE *line, char **text, int y, attr_t attr)
{
	fclose(line);
	if (y < LINES) {
		attrset(attr);
		mvinsstr(y, 0, *text);
		if (attr != A_NORMAL)
			mvchgat(y, 0, -1, attr, 0, NULL);
		attrset(A_NORMAL);
	}
	free(*text);
}

static void rate_cell(FILE *out, double rate, int width, bool known)
{
	if (!known)
		fprintf(out, " %*s", width, "-");
	else if (rate < 9.95)
		fprintf(out, " %*.1f", width, rate);
	else if (rate < 1e6)
		fprintf(out, " %*.0f", width, rate);
	else
		fprintf(out, " %*.0fM", width - 1, rate / 1e6);
}

static void title_line(const struct screen *s)
{
	static const char *const words[LIVE_NR_ORDERS] = {
		[LIVE_BY_LOCKED] = "most locked memory first",
		[LIVE_BY_CALLS] = "most calls a second first",
		[LIVE_BY_FAILURES] = "most failures first",
		[LIVE_BY_HEADROOM] = "least headroom first",
		[LIVE_BY_FLIGHT] = "most calls in the kernel first",
		[LIVE_BY_PID] = "in the order of pid",
	};
	time_t now = time(NULL);
	struct tm tm;
	char clock[16], *text;
	size_t len;
	FILE *out = line_begin(&text, &len);

	if (!out)
		return;
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &tm));
	fprintf(out, "mlock2mon top  %s  every %" PRIu64 " s  %s  %s", clock, s->opt->seconds,
		words[s->opt->order], s->paused ? "PAUSED" : "? for help");
	line_end(out, &text, 0, s->paused ? A_BOLD : A_NORMAL);
}

static void sum_line(const struct screen *s)
{
	const struct live_sum *sum = &s->live.sum;
	double seconds = s->live.seconds;
	char size[TEXT_SIZE_MAX], *text;
	size_t len;
	FILE *out = line_begin(&text, &len);

	if (!out)
		return;
	fprintf(out, "%s locked in %zu processes, ", size_text(sum->locked_kb * 1024, size),
		s->live.processes.nr);
	if (seconds > 0)
		fprintf(out, "%.1f calls/s, %.1f fail/s, ",
			(double)(sum->calls - s->live.before.calls) / seconds,
			(double)(sum->failures - s->live.before.failures) / seconds);
	fprintf(out, "%" PRIu64 " in the kernel", sum->in_flight);
	if (sum->missed)
		fprintf(out, ", %" PRIu64 " MISSED", sum->missed);
	if (sum->lost)
		fprintf(out, ", %" PRIu64 " LOST", sum->lost);
	line_end(out, &text, 1, sum->missed || sum->lost ? A_BOLD : A_NORMAL);
}

static void note_line(const struct screen *s)
{
	char *text;
	size_t len;
	FILE *out = line_begin(&text, &len);

	if (!out)
		return;
	if (s->live.wrong[0])
		fprintf(out, "%s What is shown is older.", s->live.wrong);
	else if (s->typing || s->filter[0])
		fprintf(out, "only: %s%s", s->filter, s->typing ? "_" : "  (Esc: all)");
	line_end(out, &text, 2, s->live.wrong[0] ? A_BOLD : A_NORMAL);
}

static void heading_line(void)
{
	char *text;
	size_t len;
	FILE *out = line_begin(&text, &len);

	if (!out)
		return;
	fprintf(out, "%7s %-15s %7s %7s %8s %7s %6s %6s %2s %s", "PID", "PROCESS", "LOCKED",
		"PEAK", "HEADROOM", "CALLS/s", "FAILED", "FAIL/s", "IN", "ERROR");
	line_end(out, &text, 3, A_REVERSE);
}

static void process_line(const struct screen *s, const struct live_row *row, int y)
{
	const struct process *p = row->process;
	bool rated = s->live.seconds > 0;
	char size[TEXT_SIZE_MAX], *text;
	size_t len;
	FILE *out = line_begin(&text, &len);

	if (!out)
		return;
	fprintf(out, "%7" PRIu64 " ", p->pid);
	pad_column(out, plain_escaped(out, span_of(p->comm)), 15);
	fprintf(out, "%7s ", p->locked_known ? size_text(p->locked_kb * 1024, size) : "-");
	fprintf(out, "%7s ", size_text(p->peak_kb * 1024, size));
	fprintf(out, "%8s", !row->headroom_known ? "-" : row->headroom_kb == LIVE_NO_LIMIT ?
		"no limit" : size_text(row->headroom_kb * 1024, size));
	rate_cell(out, row->calls, 7, rated);
	fprintf(out, " %6" PRIu64, p->failures);
	rate_cell(out, row->failures, 6, rated);
	fprintf(out, " %2" PRIu64 " ", row->in_flight);
	plain_string(out, strcmp(p->error, "0") ? span_of(p->error) : span_of("-"));
	line_end(out, &text, y, row->failures > 0 ? A_BOLD : A_NORMAL);
}

/* --- the page --- */

/* Is the filter in the name, as it is shown, or the pid? */
static bool passes(const struct screen *s, const struct process *p)
{
	char pid[24], *name;
	size_t len;
	FILE *out;
	bool found;

	snprintf(pid, sizeof(pid), "%" PRIu64, p->pid);
	if (!s->filter[0] || !strcmp(pid, s->filter))
		return true;
	out = line_begin(&name, &len);
	if (!out)
		return true;
	plain_escaped(out, span_of(p->comm));
	fclose(out);
	found = strcasestr(name, s->filter);
	free(name);
	return found;
}

static size_t count_shown(const struct screen *s)
{
	size_t i, nr = 0;

	for (i = 0; i < s->live.processes.nr; i++)
		nr += passes(s, s->live.row[i].process);
	return nr;
}

static size_t lines_of_page(void)
{
	int room = LINES - HEAD_LINES;

	return room > 0 ? room : 1;
}

static void process_lines(struct screen *s)
{
	size_t i, nr = 0, last;

	s->shown = count_shown(s);
	if (s->first >= s->shown)
		s->first = s->shown ? s->shown - 1 : 0;
	last = s->first + lines_of_page();
	for (i = 0; i < s->live.processes.nr && nr < last; i++) {
		if (!passes(s, s->live.row[i].process))
			continue;
		if (nr >= s->first)
			process_line(s, &s->live.row[i], HEAD_LINES + nr - s->first);
		nr++;
	}
	if (!s->shown)
		mvinsstr(HEAD_LINES, 0, s->live.processes.nr ? "None of that name." :
			 "No process that locked or unlocked memory is alive.");
}

static void help_lines(void)
{
	static const char *const page[] = {
		"l  most locked memory first          c  most calls a second first",
		"f  most failures first               r  least room below the limit first",
		"i  most calls in the kernel first    p  in the order of pid",
		"",
		"/  only processes with this in their name, or of this pid; Esc: all",
		"up, down, page up, page down, home, end: move",
		"space  stop and go on        + -  longer or shorter between two looks",
		"q  leave                     ?    back",
		"",
		"LOCKED    now, as VmLck in /proc/PID/status; PEAK: the most there was",
		"HEADROOM  what RLIMIT_MEMLOCK leaves; 'no limit': it is unlimited, or",
		"          does not hold, because of CAP_IPC_LOCK",
		"FAILED    calls, and ERROR the last one's; bold: they fail now",
		"IN        calls that are in the kernel now",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(page) && HEAD_LINES + (int)i < LINES; i++)
		mvinsstr(HEAD_LINES + i, 0, page[i]);
}

static void draw(struct screen *s)
{
	erase();
	title_line(s);
	sum_line(s);
	note_line(s);
	if (s->helping) {
		help_lines();
	} else {
		heading_line();
		process_lines(s);
	}
	refresh();
}

/* --- keys --- */

static void type_filter(struct screen *s, int key)
{
	size_t len = strlen(s->filter);

	if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		s->typing = false;
	} else if (key == 27) {
		s->typing = false;
		s->filter[0] = '\0';
	} else if (key == KEY_BACKSPACE || key == 127 || key == '\b') {
		if (len)
			s->filter[len - 1] = '\0';
	} else if (key < 256 && isprint(key) && len < LONGEST_FILTER) {
		s->filter[len] = key;
		s->filter[len + 1] = '\0';
	}
}

static bool order_key(struct screen *s, int key)
{
	static const char keys[LIVE_NR_ORDERS] = {
		[LIVE_BY_LOCKED] = 'l', [LIVE_BY_CALLS] = 'c', [LIVE_BY_FAILURES] = 'f',
		[LIVE_BY_HEADROOM] = 'r', [LIVE_BY_FLIGHT] = 'i', [LIVE_BY_PID] = 'p',
	};
	const char *found = key < 256 ? memchr(keys, key, sizeof(keys)) : NULL;

	if (!found)
		return false;
	s->opt->order = found - keys;
	live_sort(&s->live, s->opt->order);
	return true;
}

static bool move_key(struct screen *s, int key)
{
	size_t page = lines_of_page();
	size_t most = s->shown > page ? s->shown - page : 0;

	if (key == KEY_UP)
		s->first -= s->first > 0;
	else if (key == KEY_DOWN)
		s->first++;
	else if (key == KEY_PPAGE)
		s->first -= s->first < page ? s->first : page;
	else if (key == KEY_NPAGE)
		s->first += page;
	else if (key == KEY_HOME)
		s->first = 0;
	else if (key == KEY_END)
		s->first = most;
	else
		return false;
	if (s->first > most)
		s->first = most;
	return true;
}

static void on_key(struct screen *s, int key)
{
	uint64_t *seconds = &s->opt->seconds;

	if (s->typing)
		type_filter(s, key);
	else if (order_key(s, key) || move_key(s, key))
		s->helping = false;
	else if (key == 'q')
		s->quit = true;
	else if (key == ' ')
		s->paused = !s->paused;
	else if (key == '?' || key == 'h')
		s->helping = !s->helping;
	else if (key == '/')
		s->typing = true;
	else if (key == 27)
		s->filter[0] = '\0';
	else if (key == '+' && *seconds < MOST_SECONDS)
		++*seconds;
	else if (key == '-' && *seconds > 1)
		--*seconds;
}

/* Until it is time to look again, @due. */
static void serve_keys(struct screen *s, int64_t due)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	int64_t left = s->paused ? -1 : due - clock_ns(CLOCK_MONOTONIC);
	int key;

	stop_poll(&in, 1, left > 0 || s->paused ? left : 0);
	while ((key = getch()) != ERR)
		on_key(s, key);
	/* Nobody is there any more. */
	if (in.revents & (POLLHUP | POLLERR | POLLNVAL))
		s->quit = true;
}

static void show(struct screen *s)
{
	int64_t due = s->live.ns + s->opt->seconds * NS_PER_S;

	while (!s->quit && !stop_asked()) {
		if (!s->paused && clock_ns(CLOCK_MONOTONIC) >= due) {
			live_look(&s->live, clock_ns(CLOCK_MONOTONIC));
			live_sort(&s->live, s->opt->order);
			due = clock_ns(CLOCK_MONOTONIC) + s->opt->seconds * NS_PER_S;
		}
		draw(s);
		serve_keys(s, due);
	}
}

static int run_top(struct options *opt)
{
	struct screen s = { .opt = opt, .live = { .dir = opt->dir, .proc = "/proc" } };

	if (opt->filter)
		snprintf(s.filter, sizeof(s.filter), "%s", opt->filter);
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		fprintf(stderr,
			"mlock2mon: top needs a terminal; 'mlock2mon stat --watch' does not\n");
		return TOOL_FAILED;
	}
	if (!live_look(&s.live, clock_ns(CLOCK_MONOTONIC))) {
		fprintf(stderr, "mlock2mon: %s\n", s.live.wrong);
		return TOOL_FAILED;
	}
	live_sort(&s.live, opt->order);
	if (!begin_screen()) {
		live_free(&s.live);
		return TOOL_FAILED;
	}
	show(&s);
	live_free(&s.live);
	return TOOL_DONE;
}

#else

static int run_top(struct options *opt)
{
	(void)opt;
	fprintf(stderr, "mlock2mon: top is not in this build: it was made without ncurses\n");
	return TOOL_FAILED;
}

#endif

int top_main(const struct command *self, int argc, char **argv)
{
	struct options opt = { .dir = MLOCK2MON_PROC, .filter = "", .seconds = 2 };
	bool help = false;

	if (!parse_options(&opt, argc, argv, &help))
		return tool_misused(self);
	if (help)
		return tool_help(self);
	return run_top(&opt);
}
