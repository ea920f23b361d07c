/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "parse.h"

#include "cli.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct parse_word *find_word(const struct parse_word *words, const char *text,
                                          size_t length)
{
	for (; words->word != NULL; words++)
		if (strlen(words->word) == length && memcmp(words->word, text, length) == 0)
			return words;
	return NULL;
}

static int refuse_word(const char *option, const char *text, size_t length,
                       const struct parse_word *words)
{
	char list[256] = "";
	size_t used = 0;

	for (; words->word != NULL && used < sizeof(list); words++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
		                         used == 0 ? "" : ", ", words->word);
	return cli_usage(option, "'%.*s' is none of %s", (int)length, text, list);
}

int parse_choice(const char *option, const char *value, const struct parse_word *words, int *choice)
{
	const struct parse_word *found = find_word(words, value, strlen(value));

	if (found == NULL)
		return refuse_word(option, value, strlen(value), words);
	*choice = found->value;
	return COMMIT_OK;
}

int parse_set(const char *option, const char *value, const struct parse_word *words, unsigned *set)
{
	unsigned all = 0;

	for (;;) {
		size_t length = strcspn(value, ",");
		const struct parse_word *found = find_word(words, value, length);

		if (found == NULL)
			return refuse_word(option, value, length, words);
		all |= (unsigned)found->value;
		if (value[length] == '\0')
			break;
		value += length + 1;
	}
	*set |= all;
	return COMMIT_OK;
}

/* Digits up to limit; moves *text behind them. */
static bool read_number(const char **text, int64_t limit, int64_t *number)
{
	const char *at = *text;
	int64_t sum = 0;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (sum > (limit - (*at - '0')) / 10)
			return false;
		sum = sum * 10 + (*at - '0');
	}
	if (at == *text)
		return false;
	*text = at;
	*number = sum;
	return true;
}

int parse_status(const char *option, const char *value, int *status)
{
	const char *at = value;
	int64_t number;

	if (!read_number(&at, 255, &number) || *at != '\0')
		return cli_usage(option, "'%s' is no exit status (0 to 255)", value);
	*status = (int)number;
	return COMMIT_OK;
}

int parse_statuses(const char *option, const char *value, bool *accepted)
{
	const char *at = value;

	for (;; at++) {
		int64_t first;
		int64_t last;

		if (!read_number(&at, 255, &first))
			break;
		last = first;
		if (*at == '-' && (at++, !read_number(&at, 255, &last)))
			break;
		if (first > last || (*at != ',' && *at != '\0'))
			break;
		while (first <= last)
			accepted[first++] = true;
		if (*at == '\0')
			return COMMIT_OK;
	}
	return cli_usage(option, "'%s' is no list of exit statuses such as 1,3-5", value);
}

int parse_seconds(const char *option, const char *value, int64_t *milliseconds)
{
	const int64_t longest = INT32_MAX;
	const char *at = value;
	int64_t whole = 0;
	int64_t thousandths = 0;
	bool digits = read_number(&at, longest, &whole);

	if (*at == '.') {
		int64_t unit = 100;

		for (at++; *at >= '0' && *at <= '9'; at++, unit /= 10) {
			thousandths += unit * (*at - '0');
			digits = true;
		}
	}
	if (!digits || *at != '\0')
		return cli_usage(option, "'%s' is no number of seconds such as 60 or 0.5", value);
	*milliseconds = whole * 1000 + thousandths;
	return COMMIT_OK;
}

int parse_age(const char *option, const char *value, int64_t *seconds)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'\0', 1}, {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	const char *at = value;
	int64_t number;

	if (read_number(&at, INT32_MAX, &number))
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (*at == units[i].unit && (*at == '\0' || at[1] == '\0')) {
				*seconds = number * units[i].seconds;
				return COMMIT_OK;
			}
	return cli_usage(option, "'%s' is no age such as 90s, 10m, 12h or 7d", value);
}

int parse_bound(const char *option, const char *value, struct parse_bound *bound)
{
	static const char sizes[] = "KMGT";
	const char *at = value, *size;
	int64_t number, seconds;

	if (read_number(&at, INT32_MAX, &number)) {
		size = *at != '\0' ? strchr(sizes, *at) : NULL;
		if (*at == '\0') {
			*bound = (struct parse_bound){COMMIT_BOUND_COUNT, (uint64_t)number};
			return COMMIT_OK;
		}
		if (size != NULL && (at[1] == '\0' || strcmp(at + 1, "iB") == 0)) {
			*bound = (struct parse_bound){
			        COMMIT_BOUND_BYTES, (uint64_t)number << (10 * (size - sizes + 1))};
			return COMMIT_OK;
		}
		if (at[1] == '\0' && strchr("smhdw", *at) != NULL) {
			parse_age(option, value, &seconds);
			*bound = (struct parse_bound){COMMIT_BOUND_SECONDS, (uint64_t)seconds};
			return COMMIT_OK;
		}
	}
	return cli_usage(option, "'%s' is no number (10), age (12h, 7d) or size (100M, 2G)", value);
}

/* The tool's umask; it has one thread, so nobody sees it change. */
static mode_t ask_umask(void)
{
	mode_t mask = umask(077);

	umask(mask);
	return mask;
}

static bool read_octal(const char *value, mode_t *mode)
{
	mode_t sum = 0;

	if (*value == '\0' || strlen(value) > 5)
		return false;
	for (; *value >= '0' && *value <= '7'; value++)
		sum = (mode_t)(sum << 3 | (mode_t)(*value - '0'));
	*mode = sum;
	return *value == '\0' && sum <= 07777;
}

/* The bits of the letters that *text starts with; moves it behind them. */
static mode_t read_letters(const char **text, const char *letters, const mode_t *bits)
{
	mode_t sum = 0;

	for (const char *at; **text != '\0' && (at = strchr(letters, **text)) != NULL; ++*text)
		sum |= bits[at - letters];
	return sum;
}

/* One clause, [ugoa]*([-+=][rwxst]*)+, on top of what *mode_and, *mode_or do. */
static bool read_clause(const char **text, mode_t mask, mode_t *mode_and, mode_t *mode_or)
{
	static const mode_t who_bits[] = {S_ISUID | S_IRWXU, S_ISGID | S_IRWXG, S_ISVTX | S_IRWXO,
	                                  07777};
	static const mode_t what_bits[] = {0444, 0222, 0111, S_ISUID | S_ISGID, S_ISVTX};
	mode_t who = read_letters(text, "ugoa", who_bits);
	bool any = false;

	while (**text == '+' || **text == '-' || **text == '=') {
		char act = *(*text)++;
		mode_t what = read_letters(text, "rwxst", what_bits);

		what &= who != 0 ? who : ~mask;
		if (act == '=') {
			*mode_and &= who != 0 ? ~who : 0;
			*mode_or &= who != 0 ? ~who : 0;
		}
		if (act == '-') {
			*mode_and &= ~what;
			*mode_or &= ~what;
		} else {
			*mode_or |= what;
		}
		any = true;
	}
	return any;
}

int parse_mode(const char *option, const char *value, mode_t *mode_and, mode_t *mode_or)
{
	const char *at = value;
	mode_t keep = 07777;
	mode_t add = 0;
	mode_t mask = ask_umask();

	if (read_octal(value, &add)) {
		*mode_and = 0;
		*mode_or = add;
		return COMMIT_OK;
	}
	add = 0;
	while (read_clause(&at, mask, &keep, &add)) {
		if (*at == '\0') {
			*mode_and = keep & 07777;
			*mode_or = add & 07777;
			return COMMIT_OK;
		}
		if (*at++ != ',')
			break;
	}
	return cli_usage(option, "'%s' is no mode such as 640 or u=rw,g+r,o-rwx", value);
}

/* A decimal id; -1 means "leave it" to chown and is none. */
static bool read_id(const char *text, uint32_t *id)
{
	const char *at = text + (*text == '+');
	int64_t number;

	if (!read_number(&at, (int64_t)UINT32_MAX - 1, &number) || *at != '\0')
		return false;
	*id = (uint32_t)number;
	return true;
}

static int read_group(const char *option, const char *name, gid_t *group)
{
	const struct group *known = getgrnam(name);

	if (known != NULL)
		*group = known->gr_gid;
	else if (!read_id(name, group))
		return cli_usage(option, "there is no group '%s'", name);
	return COMMIT_OK;
}

static int read_user(const char *option, const char *name, bool login_group, uid_t *owner,
                     gid_t *group)
{
	const struct passwd *known = getpwnam(name);

	if (known != NULL) {
		*owner = known->pw_uid;
		if (login_group)
			*group = known->pw_gid;
	} else if (login_group) {
		return cli_usage(option, "there is no user '%s', so no login group", name);
	} else if (!read_id(name, owner)) {
		return cli_usage(option, "there is no user '%s'", name);
	}
	return COMMIT_OK;
}

int parse_owner(const char *option, const char *value, uid_t *owner, gid_t *group)
{
	char user[256];
	const char *colon = strchr(value, ':');
	size_t length = colon != NULL ? (size_t)(colon - value) : strlen(value);
	uid_t new_owner = (uid_t)-1;
	gid_t new_group = (gid_t)-1;

	if (length >= sizeof(user) || value[0] == '\0' || strcmp(value, ":") == 0)
		return cli_usage(option, "'%s' is no USER[:GROUP]", value);
	memcpy(user, value, length);
	user[length] = '\0';
	if (length > 0 && read_user(option, user, colon != NULL && colon[1] == '\0', &new_owner,
	                            &new_group) != COMMIT_OK)
		return COMMIT_EUSAGE;
	if (colon != NULL && colon[1] != '\0' &&
	    read_group(option, colon + 1, &new_group) != COMMIT_OK)
		return COMMIT_EUSAGE;
	*owner = new_owner;
	*group = new_group;
	return COMMIT_OK;
}

bool parse_offset(const char *value, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;
	int shift = 0;

	if (*value < '0' || *value > '9')
		return false;
	errno = 0;
	*bytes = strtoull(value, &end, strncmp(value, "0x", 2) == 0 ? 16 : 10);
	unit = *end != '\0' ? strchr(units, *end) : NULL;
	if (unit != NULL) {
		shift = 10 * (int)(unit - units + 1);
		end += strcmp(end + 1, "iB") == 0 ? 3 : 1;
	}
	if (errno != 0 || *end != '\0' || *bytes > (uint64_t)INT64_MAX >> shift)
		return false;
	*bytes <<= shift;
	return true;
}

int parse_bytes(const char *option, const char *value, uint64_t *bytes)
{
	if (!parse_offset(value, bytes))
		return cli_usage(option, "'%s' is no number of bytes such as 4096, 0x1000 or 20G",
		                 value);
	return COMMIT_OK;
}

int parse_size(const char *option, const char *value, uint64_t *bytes)
{
	if (!parse_offset(value, bytes) || *bytes == 0)
		return cli_usage(option, "'%s' is no size (4096, 64K, 100M, 2G)", value);
	return COMMIT_OK;
}
