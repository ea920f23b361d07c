/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "name.h"

#include "bytes.h"
#include "digest.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PREFIX ".commit-"

static const char *const suffixes[] = {"staged", "stagedir", "displaced", "inplace", "range"};

/* 0 where there is no boot id: then no name is known to be of this boot. */
static uint32_t read_boot_digest(void)
{
	char id[64];
	ssize_t length = -1;
	int fd = lc_sys_open(AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY);

	if (fd >= 0) {
		length = lc_sys_read(fd, id, sizeof id);
		lc_sys_drop(&fd);
	}
	return length > 0 ? (uint32_t)lc_digest64(id, (size_t)length) : 0;
}

/* A boot outlasts a process, so one look is enough. */
static _Atomic uint32_t known;

uint32_t lc_name_boot(void)
{
	uint32_t digest = known;

	if (digest == 0)
		known = digest = read_boot_digest();
	return digest;
}

#ifdef LC_FAULT
void lc_name_forget_boot(void)
{
	known = 0;
}
#endif

static uint64_t digest_of(const struct lc_name *name, ino_t dir, uint64_t more)
{
	unsigned char words[40];

	lc_put_le64(words, name->random);
	lc_put_le64(words + 8, name->boot);
	lc_put_le64(words + 16, name->kind);
	lc_put_le64(words + 24, dir);
	lc_put_le64(words + 32, more);
	return lc_digest64(words, sizeof words);
}

/* A version of a file, by what a rename leaves alone: not its ctime. */
static uint64_t version_of(const struct stat *st)
{
	unsigned char words[32];

	lc_put_le64(words, st->st_ino);
	lc_put_le64(words + 8, (uint64_t)st->st_size);
	lc_put_le64(words + 16, (uint64_t)st->st_mtim.tv_sec);
	lc_put_le64(words + 24, (uint64_t)st->st_mtim.tv_nsec);
	return lc_digest64(words, sizeof words);
}

static void print(const struct lc_name *name, char text[LC_NAME_SIZE])
{
	int length = snprintf(text, LC_NAME_SIZE, PREFIX "%016" PRIx64 "-%08" PRIx32 "-%016" PRIx64,
	                      name->random, name->boot, name->digest);

	if (name->kind == LC_NAME_DISPLACED)
		length += snprintf(text + length, LC_NAME_SIZE - (size_t)length, "-%016" PRIx64,
		                   name->expected);
	snprintf(text + length, LC_NAME_SIZE - (size_t)length, ".%s", suffixes[name->kind]);
}

static int start(struct lc_name *name, enum lc_name_kind kind)
{
	memset(name, 0, sizeof *name);
	name->kind = kind;
	name->boot = lc_name_boot();
	return lc_sys_random(&name->random, sizeof name->random);
}

int lc_name_make(enum lc_name_kind kind, ino_t dir, char text[LC_NAME_SIZE])
{
	struct lc_name name;
	int rc = start(&name, kind);

	if (rc)
		return rc;
	name.digest = digest_of(&name, dir, 0);
	print(&name, text);
	return 0;
}

int lc_name_make_displaced(ino_t dir, ino_t staged, const struct stat *expected,
                           char text[LC_NAME_SIZE])
{
	struct lc_name name;
	int rc = start(&name, LC_NAME_DISPLACED);

	if (rc)
		return rc;
	name.digest = digest_of(&name, dir, staged);
	name.expected = digest_of(&name, dir, version_of(expected));
	print(&name, text);
	return 0;
}

/*
 * Deterministic, the boot left out: whoever edits the same file next must find
 * this name, also after a reboot.
 */
static int make_fixed(enum lc_name_kind kind, ino_t dir, const char *target,
                      char text[LC_NAME_SIZE])
{
	struct lc_name name = {.kind = kind};

	name.random = lc_digest64(target, strlen(target));
	name.digest = digest_of(&name, dir, 0);
	print(&name, text);
	return 0;
}

int lc_name_make_in_place(ino_t dir, const char *target, char text[LC_NAME_SIZE])
{
	return make_fixed(LC_NAME_IN_PLACE, dir, target, text);
}

int lc_name_make_range(ino_t dir, const char *target, char text[LC_NAME_SIZE])
{
	return make_fixed(LC_NAME_RANGE, dir, target, text);
}

/* Reads exactly count lower-case hex digits; 0 if they are not there. */
static int read_hex(const char **text, int count, uint64_t *value)
{
	const char *digits = "0123456789abcdef";
	const char *digit;

	for (*value = 0; count > 0; count--, (*text)++) {
		digit = **text ? strchr(digits, **text) : NULL;
		if (!digit)
			return 0;
		*value = *value << 4 | (uint64_t)(digit - digits);
	}
	return 1;
}

static int read_char(const char **text, char c)
{
	if (**text != c)
		return 0;
	(*text)++;
	return 1;
}

void lc_name_parse(const char *text, struct lc_name *name)
{
	enum lc_name_kind kind;
	uint64_t boot = 0;
	int has_expected;

	memset(name, 0, sizeof *name);
	name->kind = LC_NAME_NONE;
	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return;
	text += strlen(PREFIX);
	if (!read_hex(&text, 16, &name->random) || !read_char(&text, '-') ||
	    !read_hex(&text, 8, &boot) || !read_char(&text, '-') ||
	    !read_hex(&text, 16, &name->digest))
		return;
	name->boot = (uint32_t)boot;
	has_expected = read_char(&text, '-');
	if (has_expected && !read_hex(&text, 16, &name->expected))
		return;
	if (!read_char(&text, '.'))
		return;
	for (kind = LC_NAME_STAGED; kind < LC_NAME_NONE; kind++)
		if (strcmp(text, suffixes[kind]) == 0 &&
		    has_expected == (kind == LC_NAME_DISPLACED))
			name->kind = kind;
}

int lc_name_proven(const struct lc_name *name, ino_t dir)
{
	return name->digest == digest_of(name, dir, 0);
}

int lc_name_is_staged(const struct lc_name *name, ino_t dir, const struct stat *st)
{
	return name->digest == digest_of(name, dir, st->st_ino);
}

int lc_name_is_expected(const struct lc_name *name, ino_t dir, const struct stat *st)
{
	return name->expected == digest_of(name, dir, version_of(st));
}

int lc_name_this_boot(const struct lc_name *name)
{
	return name->boot != 0 && name->boot == lc_name_boot();
}
