/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "seeds.h"
#include "tree.h"

#include "log.h"

#include <string.h>

enum { LOOK = 1, SCAN = 2, RESUME = 4, COMMIT = 8, HISTORY = 16 };
enum { A, B, D, DX, DE, LINK, IN_0, IN_1, IN_2, IN_3, OUT_0, OUT_1, N, DN, LINK_SECRET, OUTSIDE };
enum { KEPT_0 = 19, KEPT_1, KEPT_2 };
enum { NONE = FUZZ_NO_VERSION };

/* A begin record's payload: time, user, steps, bytes */
static void begin(FILE *out)
{
	fputc('B', out);
	fputc(0, out);
	fputc(LC_LOG_BEGIN, out);
	fputc(40, out);
	seed_le(out, 1700000000, 8);
	seed_le(out, 0, 8);
	seed_le(out, 1, 8);
	seed_le(out, 5, 8);
	seed_le(out, 0, 8);
}

static void mark(FILE *out, enum lc_log_type type)
{
	fputc('B', out);
	fputc(0, out);
	fputc(type, out);
	fputc(0, out);
}

static void change(FILE *out, int kind, int type, const int fields[4], uint16_t mode,
                   const char *attribute, const char *value)
{
	int i;

	fputc(kind, out);
	if (kind == 'C')
		fputc(0, out);
	fputc(type, out);
	for (i = 0; i < 4; i++)
		fputc(fields[i], out);
	seed_le(out, mode, 2);
	fputc(255, out);
	fputc(255, out);
	fputc((int)strlen(attribute), out);
	fputs(attribute, out);
	fputc((int)strlen(value), out);
	fputs(value, out);
}

/* A commit that was not published: two files, a new directory, one file gone. */
static void committed(unsigned flags, int damaged)
{
	static const int put_a[] = {A, IN_0, A, IN_0}, put_n[] = {N, IN_1, NONE, IN_1};
	static const int take_b[] = {B, OUT_0, B, NONE}, meta[] = {DX, DX, DX, DX};
	FILE *out = seed_open("store");

	fputc((int)flags, out);
	begin(out);
	change(out, 'C', LC_CHANGE_TAKE, take_b, 0xffff, "", "");
	change(out, 'C', LC_CHANGE_PUT, put_a, 0xffff, "", "");
	change(out, 'C', LC_CHANGE_PUT, put_n, 0xffff, "", "");
	change(out, 'C', LC_CHANGE_META, meta, 0640, "user.x", "value");
	mark(out, LC_LOG_COMMIT);
	if (damaged) {
		fputc('D', out);
		seed_le(out, 4096 + 700, 2);
		fputc(damaged, out);
	}
	fclose(out);
}

/* Paths that lead out, and versions that are not there. */
static void hostile(int path, int place)
{
	const int put[] = {path, place, NONE, IN_0}, take[] = {path, place, A, NONE};
	FILE *out = seed_open("store");

	fputc(LOOK, out);
	begin(out);
	change(out, 'C', LC_CHANGE_TAKE, take, 0xffff, "", "");
	change(out, 'C', LC_CHANGE_PUT, put, 0xffff, "", "");
	mark(out, LC_LOG_COMMIT);
	fclose(out);
}

static void contents(void)
{
	static const int content[] = {IN_3, A, NONE, NONE}, put[] = {A, IN_3, A, NONE};
	static const int staged[] = {IN_3, IN_3, NONE, IN_3};
	int again;

	for (again = 0; again < 2; again++) {
		FILE *out = seed_open("store");

		fputc(LOOK, out);
		begin(out);
		change(out, 'C', LC_CHANGE_CONTENT, content, 0644, "", "content in the log");
		change(out, 'C', LC_CHANGE_PUT, put, 0xffff, "", "");
		mark(out, LC_LOG_COMMIT);
		if (again) {
			change(out, 'C', LC_CHANGE_STAGED, staged, 0xffff, "", "");
			mark(out, LC_LOG_COMMIT);
		}
		fclose(out);
	}
}

static void open_one(unsigned flags)
{
	static const int put[] = {A, IN_0, A, IN_0}, removed[] = {B, B, B, NONE};
	static const int move[] = {D, N, D, NONE}, meta[] = {DX, DX, DX, DX};
	static const int top[] = {DE, IN_1, DE, NONE};
	FILE *out = seed_open("store");

	fputc((int)flags, out);
	change(out, 'O', LC_OPERATION_PUT, put, 0xffff, "", "");
	change(out, 'O', LC_OPERATION_REMOVE, removed, 0xffff, "", "");
	change(out, 'O', LC_OPERATION_META, meta, 0600, "", "");
	change(out, 'O', LC_OPERATION_MOVE, move, 0xffff, "", "");
	if (flags & SCAN)
		change(out, 'M', LC_CHANGE_MOUNT, top, 0xffff, "", "");
	fclose(out);
}

/* A commit that history keeps, so that it can be taken back. */
static void kept(unsigned flags)
{
	static const int put[] = {A, KEPT_0, NONE, A}, take[] = {N, KEPT_1, B, NONE};
	static const int put_new[] = {DX, KEPT_2, NONE, DX}, meta[] = {B, B, B, B};
	FILE *out = seed_open("store");
	int i;

	fputc((int)flags, out);
	change(out, 'S', LC_CHANGE_TAKE, take, 0xffff, "", "");
	change(out, 'S', LC_CHANGE_PUT, put, 0xffff, "", "");
	if (flags & LOOK)
		change(out, 'S', LC_CHANGE_PUT, put_new, 0xffff, "", "");
	change(out, 'S', 23, meta, 0600, "user.x", "\1value");
	for (i = 0; i < 2; i++) {
		fputc('H', out);
		fputc(1 - i, out);
		seed_le(out, (uint64_t)(2 - i), 8);
		seed_le(out, 1700000000, 8);
		seed_le(out, 0, 48);
		seed_le(out, 0, 8);
	}
	fclose(out);
}

static void texts(void)
{
	static const char *const formats[] = {"libcommit store\nversion 1\nfs 0\ninode 1\n",
	                                      "libcommit store\nversion 2\n", ""};
	static const char *const infos[] = {
	        "keep 0\nbegun 1\nttl 1\nowner 0 0\nuser 0\n",
	        "keep 1\nbegun 1\nttl 9\nowner 1 7\nuser 0\n",
	        "keep 1\nbegun -9223372036854775808\nttl 0\nowner 0 0\nuser 0\n"};
	static const char *const configs[] = {
	        "libcommit store config\nversion 1\nkeep count 10\n",
	        "libcommit store config\nversion 1\nkeep bytes 99999999999999999999\n",
	        "libcommit store elsewhere\nversion 1\nfs 0\ninode 1\nroot 1\npath /x\n"};
	size_t i;

	for (i = 0; i < 3; i++) {
		FILE *out = seed_open("store");

		fprintf(out, "%c%c%c%s", LOOK | HISTORY, i == 2 ? 'P' : 'K',
		        (int)strlen(configs[i]), configs[i]);
		fclose(out);
		out = seed_open("store");

		fprintf(out, "%cF%c%s", LOOK, (int)strlen(formats[i]), formats[i]);
		fclose(out);
		out = seed_open("store");
		fprintf(out, "%cI%c%s", LOOK, (int)strlen(infos[i]), infos[i]);
		fclose(out);
	}
}

/* The payloads themselves. */
static void payloads(void)
{
	static const uint8_t input[] = {A,    IN_0, A,   IN_0, 0xff, 0xff, 0xff,
	                                0xff, 1,    'x', 2,    'v',  'w'};
	static const int types[] = {LC_CHANGE_TAKE, LC_CHANGE_PUT, LC_CHANGE_META, LC_CHANGE_MOUNT,
	                            LC_OPERATION_MOVE};
	struct lc_change made;
	unsigned char *payload;
	struct fuzz_input in;
	uint32_t length;
	size_t i;

	fuzz_tree_make();
	for (i = 0; i < sizeof types / sizeof types[0]; i++) {
		FILE *out = seed_open("change");

		fuzz_input_init(&in, input, sizeof input);
		fuzz_tree_change(&in, (enum lc_change_type)types[i], &made);
		FUZZ_CHECK(lc_change_encode(&made, &payload, &length) == 0);
		fputc(types[i], out);
		fputc((int)(i % 2), out);
		fwrite(payload, 1, length, out);
		fclose(out);
		free(payload);
		lc_change_release(&made);
	}
}

void seeds_store(void)
{
	committed(LOOK, 0);
	committed(SCAN, 0);
	committed(LOOK | RESUME, 0);
	committed(LOOK, 1);
	hostile(LINK_SECRET, IN_0);
	hostile(OUTSIDE, IN_0);
	hostile(N, OUTSIDE);
	hostile(DN, LINK_SECRET);
	contents();
	open_one(RESUME | COMMIT);
	open_one(LOOK | RESUME);
	open_one(LOOK | SCAN);
	kept(HISTORY);
	kept(LOOK | HISTORY);
	texts();
	payloads();
}
