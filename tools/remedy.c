// SPDX-License-Identifier: GPL-2.0
/*
 * What to change, as commands for the world a process runs in. A way is a heading and
 * commands that a root shell can be given as they are, behind eight blanks; what has an
 * ellipsis, or is a line of a file, is to be completed.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <string.h>

#include "remedy.h"
#include "words.h"

#define FILE_NAME	"memlock.conf"

__attribute__((format(printf, 2, 3)))
static void heading(FILE *out, const char *format, ...)
{
	va_list args;

	fputs("\n    ", out);
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fputs(":\n", out);
}

__attribute__((format(printf, 2, 3)))
static void command(FILE *out, const char *format, ...)
{
	va_list args;

	fputs("        ", out);
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	putc('\n', out);
}

/* --- the same limit, as each of them wants it written --- */

struct spelling {
	char	systemd[32];
	char	pam[32];
	char	bytes[32];
	char	container[32];
};

static struct spelling spell(struct need need)
{
	struct spelling s;

	if (need.unlimited)
		return (struct spelling){ "infinity", "unlimited", "unlimited", "-1" };
	snprintf(s.systemd, sizeof(s.systemd), "%" PRIu64 "K", need.kb);
	snprintf(s.pam, sizeof(s.pam), "%" PRIu64, need.kb);
	snprintf(s.bytes, sizeof(s.bytes), "%" PRIu64, need.kb * 1024);
	snprintf(s.container, sizeof(s.container), "%" PRIu64, need.kb * 1024);
	return s;
}

/* --- one way each --- */

/* Writes a drop-in for the @unit that gives it the @setting. */
static void drop_in(FILE *out, const char *unit, const char *setting)
{
	char dir[512], path[600];

	snprintf(dir, sizeof(dir), "/etc/systemd/system/%s.d", unit);
	snprintf(path, sizeof(path), "%s/" FILE_NAME, dir);
	fputs("        mkdir -p ", out);
	words_shell(out, dir);
	fputs("\n        ", out);
	fprintf(out, "printf '[Service]\\n%s\\n' >", setting);
	words_shell(out, path);
	fputs("\n        systemctl daemon-reload\n", out);
}

static void limit_drop_in(FILE *out, const char *unit, const struct spelling *s)
{
	char setting[64];

	snprintf(setting, sizeof(setting), "LimitMEMLOCK=%s", s->systemd);
	drop_in(out, unit, setting);
}

/* The argument of a command that takes options, at the end of a line. */
static void last_argument(FILE *out, const char *word)
{
	fputs(*word == '-' ? " -- " : " ", out);
	words_shell(out, word);
	putc('\n', out);
}

/* Of a template nothing runs, only of its instances: all of them, by a pattern. */
static bool instances(const char *unit, char *pattern, size_t room)
{
	const char *at = strstr(unit, "@.service");

	if (!at)
		return false;
	snprintf(pattern, room, "%.*s@*.service", (int)(at - unit), unit);
	return true;
}

static void by_service(FILE *out, const struct facts *facts, const struct spelling *s)
{
	char pattern[sizeof(facts->place.name) + 1];
	bool template = instances(facts->place.name, pattern, sizeof(pattern));

	heading(out, "The service%s, a setting of its own (systemd%s)",
		facts->guessed ? ", if it is this one" : "",
		template ? "; for all instances: the last line restarts those that run" : "");
	limit_drop_in(out, facts->place.name, s);
	fputs("        systemctl restart", out);
	last_argument(out, template ? pattern : facts->place.name);
}

/* A program in it may be another user's, as one with the set-user-ID bit is. */
static void by_user_manager(FILE *out, const struct patient *p, const struct spelling *s)
{
	const char *manager = p->facts->place.manager;
	char uid[24];

	snprintf(uid, sizeof(uid), "%" PRIu64, p->uid);

	heading(out, "All services and desktop programs of users (systemd; the last line ends "
		"those "
		"of this one)");
	limit_drop_in(out, "user@.service", s);
	command(out, "systemctl restart user@%s.service", *manager ? manager : uid);
}

/* A name that echo and limits.conf take for nothing else, and that a path can have in it. */
static bool plain_user(const char *name)
{
	const char *p;

	for (p = name; *p; p++) {
		if (!isalnum((unsigned char)*p) && (p == name ? *p != '_' : !strchr("_.@+-", *p)))
			return false;
	}
	return p > name;
}

static void login_line(FILE *out, const char *sign, const char *who, const struct spelling *s)
{
	command(out, "echo %s%s - memlock %s >/etc/security/limits.d/90-memlock-%s.conf", sign, who,
		s->pam, who);
}

/* By its number, if the name is not plain: the form for that begins with a colon. */
static void by_login(FILE *out, uint64_t uid, const struct spelling *s)
{
	struct passwd *user = getpwuid(uid);
	char number[32];

	if (!user)
		return;
	snprintf(number, sizeof(number), "%" PRIu64, uid);
	heading(out, "Logins of this user, from the next one on (limits.conf, read by PAM; not for "
		"services)");
	if (plain_user(user->pw_name))
		login_line(out, "", user->pw_name, s);
	else
		login_line(out, ":", number, s);
}

static void by_command(FILE *out, char *const *command, const struct spelling *s)
{
	char *const *word;

	heading(out, "This command alone, from a root shell");
	fprintf(out, "        prlimit --memlock=%s:%s", s->bytes, s->bytes);
	for (word = command; *word; word++) {
		fputs(word == command && **word == '-' ? " -- " : " ", out);
		words_shell(out, *word);
	}
	putc('\n', out);
}

static void by_prlimit(FILE *out, const struct patient *p, const struct spelling *s)
{
	if (p->command && p->sets_limit) {
		fprintf(out, "\n    Or in the command itself, which sets the limit for its child: "
			"%s bytes.\n", s->bytes);
	} else if (p->command) {
		by_command(out, p->command, s);
	} else if (p->facts->known) {
		heading(out, "The process as it runs now, if it tries again");
		command(out, "prlimit --pid %d --memlock=%s:%s", (int)p->facts->pid, s->bytes,
			s->bytes);
	}
}

static void by_engine(FILE *out, const char *engine, const struct spelling *s)
{
	heading(out, "The container, when it is made (%s)", engine);
	command(out, "%s run --ulimit memlock=%s:%s ...", engine, s->container, s->container);
	heading(out, "The same in a compose file");
	command(out, "ulimits: { memlock: { soft: %s, hard: %s } }", s->container, s->container);
	heading(out, "Or the capability instead of a limit, unless the container is rootless");
	command(out, "%s run --cap-add IPC_LOCK ...", engine);
}

static void by_kubernetes(FILE *out, const struct spelling *s)
{
	heading(out, "The container, in its pod's description: Kubernetes knows no such limit, "
		"only "
		"the capability");
	command(out, "securityContext: { capabilities: { add: [\"IPC_LOCK\"] } }");
	heading(out, "Or all containers of the node, which take the limit from their runtime");
	limit_drop_in(out, "containerd.service", s);
	command(out, "systemctl restart containerd.service");
}

static void by_lxc(FILE *out, const struct place *place, const struct spelling *s)
{
	char path[512];

	snprintf(path, sizeof(path), "/var/lib/lxc/%s/config", place->name);
	heading(out, "The container, in its configuration (LXC)");
	fprintf(out, "        echo lxc.prlimit.memlock = %s >>", s->bytes);
	words_shell(out, path);
	putc('\n', out);
}

/* Limits of systemd-nspawn itself are not those of what is in it. */
static void by_nspawn(FILE *out, const struct place *place, const struct spelling *s)
{
	char path[512], unit[512];

	heading(out, "The container, when it is started (systemd-nspawn)");
	if (place->name[0]) {
		snprintf(path, sizeof(path), "/etc/systemd/nspawn/%s.nspawn", place->name);
		snprintf(unit, sizeof(unit), "systemd-nspawn@%s.service", place->name);
		command(out, "mkdir -p /etc/systemd/nspawn");
		fprintf(out, "        printf '[Exec]\\nLimitMEMLOCK=%s\\n' >>", s->systemd);
		words_shell(out, path);
		fputs("\n        systemctl restart", out);
		last_argument(out, unit);
	} else {
		command(out, "systemd-nspawn --rlimit=MEMLOCK=%s:%s ...", s->systemd, s->systemd);
	}
	heading(out, "In the container, for a service of the systemd there");
	command(out, "systemctl edit UNIT ... and there: [Service] LimitMEMLOCK=%s", s->systemd);
}

/* --- the capability of the program's file --- */

/* What may follow the name of a program: -3.11, 93, 3.13t, -static, 8.2-dbg. */
static bool is_version(const char *tail)
{
	static const char *const kinds[] = { "", "t", "d", "dbg", "static", "multiarch" };
	size_t digits = strspn(tail, "-.0123456789");
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strcmp(tail + digits, kinds[i]))
			return digits || !*tail;
	}
	return false;
}

/* What runs whatever it is given, so that its capability would be everybody's. */
static bool is_interpreter(const char *exe)
{
	static const char *const names[] = {
		"ash", "bash", "bun", "busybox", "csh", "dash", "deno", "dotnet", "elvish", "erl",
		"expect", "fish", "gawk", "gdb", "gdbserver", "guile", "java", "jimsh", "julia",
		"ksh", "lksh", "lldb", "lua", "luajit", "mawk", "mksh", "mono", "node", "nodejs",
		"nu", "octave-cli", "perl", "php", "php-cgi", "php-fpm", "pwsh", "pypy", "python",
		"rbash", "ruby", "sash", "sbcl", "sh", "tclsh", "tcsh", "toybox", "wish", "yash",
		"zsh",
	};
	const char *base = strrchr(exe, '/');
	size_t i;

	base = base ? base + 1 : exe;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		size_t len = strlen(names[i]);

		if (!strncmp(base, names[i], len) && is_version(base + len))
			return true;
	}
	return false;
}

/* Where it could not become effective, or would be everybody's, it is no way. */
static bool setcap_helps(const struct facts *facts)
{
	return facts->exe[0] == '/' && !strstr(facts->exe, " (deleted)") &&
	       !facts->no_new_privs && !facts->other_userns &&
	       facts->cap_bounding & FACTS_CAP_IPC_LOCK && !is_interpreter(facts->exe) &&
	       facts->file_cap != FILE_CAP_EFFECTIVE && facts->place.kind < PLACE_DOCKER;
}

static void by_setcap(FILE *out, const struct facts *facts)
{
	heading(out, "No limit at all, for whoever starts this program (%sreplaces what getcap "
		"shows "
		"of it)", facts->guessed ? "if it is this file; " : "");
	fputs("        setcap cap_ipc_lock=ep ", out);
	words_shell(out, facts->exe);
	putc('\n', out);
}

static void by_anything(FILE *out, const struct patient *p, const struct spelling *s)
{
	by_login(out, p->uid, s);
	if (p->command || p->facts->known)
		return;
	heading(out, "If it was a service or a container, which cannot be told any more");
	command(out, "systemctl edit UNIT ... and there: [Service] LimitMEMLOCK=%s", s->systemd);
	command(out, "docker run --ulimit memlock=%s:%s ...", s->container, s->container);
}

void remedy_limit(FILE *out, const struct patient *p, struct need need)
{
	const struct place *place = &p->facts->place;
	struct spelling s = spell(need);

	switch (place->kind) {
	case PLACE_SERVICE:
		by_service(out, p->facts, &s);
		break;
	case PLACE_USER_UNIT:
		by_user_manager(out, p, &s);
		break;
	case PLACE_DOCKER:
		by_engine(out, "docker", &s);
		break;
	case PLACE_PODMAN:
		by_engine(out, "podman", &s);
		break;
	case PLACE_KUBERNETES:
		by_kubernetes(out, &s);
		break;
	case PLACE_LXC:
		by_lxc(out, place, &s);
		break;
	case PLACE_NSPAWN:
		by_nspawn(out, place, &s);
		break;
	default:
		by_anything(out, p, &s);
	}
	by_prlimit(out, p, &s);
	if (setcap_helps(p->facts))
		by_setcap(out, p->facts);
}

void remedy_no_limit(FILE *out, char *const *command)
{
	struct spelling s = spell((struct need){ .unlimited = true });

	by_command(out, command, &s);
}

/* The kernel's default is low for programs that map many files. */
void remedy_maps(FILE *out, uint64_t now)
{
	uint64_t more = now < 131072 ? 262144 : 2 * now;

	heading(out, "More mappings for each process of the machine (sysctl)");
	command(out, "echo vm.max_map_count = %" PRIu64 " >/etc/sysctl.d/90-max-map-count.conf",
		more);
	command(out, "sysctl -w vm.max_map_count=%" PRIu64, more);
}
