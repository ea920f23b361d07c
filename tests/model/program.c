/* SPDX-License-Identifier: ISC */
/* program.c - saves, and what programs have in common */
#include "config.h"

#include "program.h"

#include "sys.h"

#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

const char *const family_names[FAMILIES] = {"save", "txn"};

/* The trees at the beginning; of transactions one without history and one with. */
static struct disk trees[3];

unsigned roll(uint64_t *random, unsigned sides)
{
	return (unsigned)(next_random(random) % sides);
}

size_t roll_content(uint64_t *random, unsigned char *bytes)
{
	static const unsigned short lengths[] = {1, 20, 300, 512, 513, 1500, 4096, 5000, 9000};
	const unsigned which = roll(random, 20);
	size_t length = lengths[which % (sizeof lengths / sizeof *lengths)], i;
	const unsigned char letter = (unsigned char)('A' + roll(random, 26));

	if (which == 19)
		length = CONTENT_MAX;
	for (i = 0; i < length; i++)
		bytes[i] = (unsigned char)(letter + i / SECTOR % 5);
	return length;
}

/* --- trees ------------------------------------------------------------------------- */

static void must(int rc)
{
	if (rc < 0)
		errx(1, "the tree cannot be made: error %d", -rc);
}

static void make_file(const char *path, char letter, size_t length, mode_t mode)
{
	char bytes[8192];
	int fd = lc_sys_create(AT_FDCWD, path, O_RDWR, 0600);

	must(fd);
	memset(bytes, letter, sizeof bytes);
	must((int)lc_sys_write(fd, bytes, length));
	must(lc_sys_fchmod(fd, mode));
	lc_sys_drop(&fd);
}

static void set_xattr(const char *path)
{
	int fd = lc_sys_open(AT_FDCWD, path, O_RDWR);

	must(lc_sys_setxattr(fd, "user.kept", "value", 5));
	must(lc_sys_fchown(fd, 1000, 1000));
	lc_sys_drop(&fd);
}

static void make_tree(void)
{
	must(lc_sys_mkdir(AT_FDCWD, TREE, 0755));
	must(lc_sys_mkdir(AT_FDCWD, TREE "/d", 0755));
	must(lc_sys_mkdir(AT_FDCWD, TREE "/d/e", 0750));
	make_file(TREE "/a", 'a', 5000, 0640);
	make_file(TREE "/b", 'b', 700, 0644);
	make_file(TREE "/d/c", 'c', 300, 0600);
	make_file(TREE "/keep", 'k', 100, 0644);
	must(lc_sys_link(AT_FDCWD, TREE "/b", AT_FDCWD, TREE "/h"));
	must(lc_sys_symlink("a", AT_FDCWD, TREE "/l"));
	set_xattr(TREE "/a");
}

static void begin_disk(void)
{
	struct disk empty = {.count = 0};

	disk_add(&empty, S_IFDIR | 0755);
	disk_add(&empty, S_IFREG | 0444);
	machine_boot(&empty, 1);
	machine.syncs = 1;
	disk_release(&empty);
	make_tree();
}

static void make_store(uint64_t keep)
{
	struct commit_error error = COMMIT_ERROR_INIT;
	struct commit_store_layout layout;

	commit_store_layout_init(&layout);
	layout.bound = COMMIT_BOUND_COUNT;
	layout.keep = keep;
	if (commit_store_create(TREE, &layout, NULL, &error) != 0)
		errx(1, "store: %s", error.text);
}

void program_prepare(void)
{
	unsigned i;

	for (i = 0; i < sizeof trees / sizeof *trees; i++) {
		begin_disk();
		if (i > 0)
			make_store(i == 1 ? 0 : 3);
		disk_copy(&trees[i], &machine.disk);
		disk_settle(&trees[i]);
	}
}

/* --- saves -------------------------------------------------------------------------- */

static const char *const targets[] = {TREE "/a", TREE "/a",   TREE "/b",     TREE "/d/c",
                                      TREE "/n", TREE "/d/m", TREE "/d/e/x", TREE "/l"};

static unsigned roll_flags(uint64_t *random)
{
	static const unsigned flags[] = {COMMIT_SAVE_APPEND,     COMMIT_SAVE_IF_CHANGED,
	                                 COMMIT_SAVE_CREATE,     COMMIT_SAVE_MUST_EXIST,
	                                 COMMIT_SAVE_LOCK_EARLY, COMMIT_SAVE_IN_PLACE,
	                                 COMMIT_SAVE_IN_PLACE};
	unsigned chosen = roll(random, 2) ? flags[roll(random, sizeof flags / sizeof *flags)] : 0;

	return roll(random, 8) ? chosen : chosen | COMMIT_SAVE_STRICT;
}

static void roll_options(uint64_t *random, struct commit_save_options *opt)
{
	commit_save_options_init(opt);
	opt->flags = roll_flags(random);
	opt->symlink = (enum commit_symlink)(roll(random, 4) ? 0 : roll(random, 3));
	opt->hardlink = roll(random, 3) ? COMMIT_HARDLINK_BREAK : COMMIT_HARDLINK_IN_PLACE;
	opt->sync = (enum commit_sync)(roll(random, 3) ? 0 : roll(random, 3));
	opt->backup = (enum commit_backup)(roll(random, 3) ? 0 : roll(random, 4));
	opt->wait_ms = 0;
	if (roll(random, 4) == 0)
		opt->mode_and = 0700;
	if (roll(random, 8) == 0)
		opt->owner = 1001;
	if (roll(random, 8) == 0)
		opt->no_preserve = COMMIT_KEEP_XATTR;
}

static int save_in_parts(const char *path, const unsigned char *bytes, size_t length,
                         const struct commit_save_options *opt, struct commit_error *error)
{
	struct commit_save *save;
	size_t half = length / 2;
	int rc = commit_save_open(&save, path, opt, error);

	if (rc)
		return rc;
	rc = commit_save_write(save, bytes, half, error);
	if (!rc)
		rc = commit_save_write(save, bytes + half, length - half, error);
	if (!rc)
		rc = commit_save_finish(save, error);
	if (!rc)
		rc = commit_save_commit(save, NULL, error);
	commit_save_close(save);
	return rc;
}

static int run_save(struct step *step, uint64_t *random, int quiet, struct commit_error *error)
{
	static unsigned char bytes[CONTENT_MAX];
	const char *path = targets[roll(random, sizeof targets / sizeof *targets)];
	char token[COMMIT_TOKEN_SIZE];
	struct commit_save_options opt;
	size_t length;
	int parts, expect;

	roll_options(random, &opt);
	length = roll_content(random, bytes);
	parts = (int)roll(random, 2);
	expect = roll(random, 5) == 0;
	step->sync = opt.sync;
	step->ops = 1;
	snprintf(step->text[0], TEXT_MAX,
	         "save %s %zu of '%c' flags %x symlink %d hardlink %d sync %d backup %d%s%s", path,
	         length, bytes[0], opt.flags, opt.symlink, opt.hardlink, opt.sync, opt.backup,
	         expect ? " expect" : "", parts ? " parts" : "");
	if (quiet)
		return 0;
	if (expect && commit_save_token(path, opt.symlink, token, NULL) == 0)
		opt.expect = token;
	return parts ? save_in_parts(path, bytes, length, &opt, error)
	             : commit_save_bytes(path, bytes, length, &opt, NULL, error);
}

/* --- programs ------------------------------------------------------------------------ */

static void run_step(struct program *program, unsigned number, uint64_t *random,
                     struct commit_store *store)
{
	struct step *step = &program->step[number];
	struct commit_error error = COMMIT_ERROR_INIT;
	const int quiet = (program->without_steps >> number & 1) != 0;

	step->sync = COMMIT_SYNC_FULL;
	step->ops = 0;
	effect_now(EFFECT_BEGUN, number);
	if (program->family == FAMILY_SAVE)
		step->code = run_save(step, random, quiet, &error);
	else
		step->code = run_transaction(program, step, random, store, number, &error);
	effect_now(EFFECT_DONE, number);
	if (step->code == COMMIT_EPENDING || step->code == COMMIT_EUNDECIDED ||
	    step->code == COMMIT_ECONFLICT || step->code == COMMIT_EBUSY)
		errx(1, "program %llx: step %u: unexpected: %s", (unsigned long long)program->seed,
		     number, error.text);
	if (step->sync != COMMIT_SYNC_FULL || strstr(step->text[0], "backup 0") == NULL)
		program->joint &= program->family == FAMILY_TXN;
	view_take(&program->views[number + 1], &machine.disk, program->links);
}

static struct commit_store *open_store(void)
{
	struct commit_error error = COMMIT_ERROR_INIT;
	struct commit_store *store;

	if (commit_store_open(&store, TREE, 0, NULL, &error) != 0)
		errx(1, "open store: %s", error.text);
	return store;
}

void program_run(struct program *program)
{
	uint64_t random = program->seed;
	struct commit_store *store = NULL;
	const unsigned kept = roll(&random, 2);
	unsigned i;

	program->steps = 1 + roll(&random, STEPS_MAX);
	program->joint = 1;
	machine_boot(&trees[program->family == FAMILY_SAVE ? 0 : 1 + kept], 2);
	machine.syncs = roll(&random, 4) != 0;
	machine.clones = (int)roll(&random, 2);
	disk_copy(&program->before, &machine.disk);
	view_take(&program->views[0], &machine.disk, program->links);
	if (program->family == FAMILY_TXN)
		store = open_store();
	for (i = 0; i < program->steps; i++)
		run_step(program, i, &random, store);
	commit_store_close(store);
	if (machine.open != 0)
		errx(1, "program %llx leaves %d descriptors open",
		     (unsigned long long)program->seed, machine.open);
	program->trace = machine.trace;
	memset(&machine.trace, 0, sizeof machine.trace);
}

void program_release(struct program *program)
{
	disk_release(&program->before);
	trace_clear(&program->trace);
	free(program->trace.items);
	program->trace = (struct trace){0, 0, NULL};
}

void program_print(FILE *out, const struct program *program)
{
	unsigned i, j;

	fprintf(out, "program of family %s, syncfs %s\n", family_names[program->family],
	        machine.syncs ? "believed" : "not believed");
	for (i = 0; i < program->steps; i++) {
		if (program->without_steps >> i & 1)
			continue;
		fprintf(out, "  step %u ended with %d\n", i, program->step[i].code);
		for (j = 0; j < program->step[i].ops; j++)
			fprintf(out, "    %s\n", program->step[i].text[j]);
	}
}
