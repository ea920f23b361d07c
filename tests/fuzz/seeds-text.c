/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "seeds.h"

#include "name.h"
#include "token.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Flags, if there are any (-1: none), and the text. */
static void seed_text(const char *target, int flags, const char *text)
{
	FILE *out = seed_open(target);

	if (flags >= 0)
		fputc(flags, out);
	fputs(text, out);
	fclose(out);
}

static void names(void)
{
	static const char *const made[] = {
	        ".commit-0123456789abcdef-01234567-0123456789abcdef.staged",
	        ".commit-0123456789abcdef-01234567-0123456789abcdef.stagedir",
	        ".commit-0123456789abcdef-01234567-0123456789abcdef-0123456789abcdef.displaced",
	        ".commit-0123456789abcdef-00000000-0123456789abcdef.inplace",
	        "12345678-9abcdef0",
	        ".commit-stage-12345678-9abcdef0",
	        ".commit-stage-12345678-9abcdef0.probe"};
	size_t i;

	for (i = 0; i < sizeof made / sizeof made[0]; i++) {
		FILE *out = seed_open("name");

		fputc((int)(i % 2 * 2), out);
		seed_le(out, i, 9);
		fputs(made[i], out);
		fclose(out);
	}
	seed_text("name", 1, "12345678abtarget");
	seed_text("token", 0, LC_TOKEN_ABSENT);
	seed_text("token", 0, "1-0000000000000001-2-3-4.00000005-0123456789abcdef0123456789abcdef");
	seed_text("token", 1, "0a");
}

static void scripts(void)
{
	static const char *const lines[] = {
	        "put a src\nwrite d/n \"two\\nlines\\x00\"\nrm b\n",
	        "mkdir n\nmkdir n/m\nmv d n/d\nwrite n/d/x new\nrmdir n/m\n",
	        "symlink a s\nlink b h\nchmod 640 a\nchown 1:1 b\nsetxattr user.x=0x6869 a\n",
	        "# comment\n\nmv a t\nmv b a\nmv t b\n",
	        "mv d d/e/d\n",
	        "write link/secret x\n",
	        "write to-d/x through\nrm to-d\n",
	        "write .commit/format x\n",
	        "rm d\n",
	        "rm a\nmkdir a\nwrite a/b c\nmv a/b b\nrmdir a\nwrite a \"\"\n",
	        "{\"op\":\"write\",\"path\":\"a\",\"content\":{\"bytes\":\"aGk=\"}}\n",
	        "{\"op\":\"mv\",\"old\":\"a\",\"new\":\"n\"}\n{\"op\":\"rm\",\"path\":\"b\"}\n"};
	static const char records[] = "\1write\0a\0b\0mv\0a\0n\0rm\0b";
	size_t i;

	for (i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		seed_text("script", 0, lines[i]);
		seed_text("words", -1, lines[i]);
	}
	seed_bytes("script", records, sizeof records);
}

void seeds_text(void)
{
	static const char *const values[][2] = {{"1,3-5,255", "7"},
	                                        {"1.5", "90s"},
	                                        {"u=rw,g=r,o=", "0640"},
	                                        {"mode,acl", "owner"},
	                                        {"100MiB", "12h"}};
	static const char *const paths[] = {"a",        "d/e/y", "out/secret", "../outside",
	                                    "d/back/x", "up",    "loop/x",     "..."};
	size_t i;

	names();
	scripts();
	for (i = 0; i < 5; i++) {
		seed_text("values", (int)i, values[i][0]);
		seed_text("values", (int)i, values[i][1]);
	}
	for (i = 0; i < sizeof paths / sizeof paths[0]; i++)
		seed_text("beneath", (int)i, paths[i]);
}
