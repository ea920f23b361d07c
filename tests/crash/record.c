/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "crash.h"
#include "recording.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct session {
	struct world *world;
	const struct fs *fs;
	pid_t recorder;
	struct disks disks;
	char mutant[100];
	char noise[120];
};

static void run_make(const struct world *world, const struct fs *fs, const char *path)
{
	char why[WHY_SIZE];
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)fs->size) != 0)
		err(1, "%s", path);
	close(fd);
	if (run_shell(fs->make, path, NULL, world->output) != 0) {
		file_tail(world->output, why, sizeof why);
		errx(1, "%s: %s", fs->name, why);
	}
}

/* Fresh ones in the recorder's image, each with an identity of its own; made once, and kept. */
static void make_disks(struct world *world, const struct fs *fs, int count, struct image *image)
{
	char made[PATH_SIZE];
	struct image one;
	uint64_t block;
	int fd, i;

	image_new(image, fs->size * (uint64_t)count);
	for (i = 0; i < count; i++) {
		snprintf(made, sizeof made, "%s/made-%s-%d", world->top, fs->name, i);
		if (access(made, F_OK) != 0)
			run_make(world, fs, made);
		image_load(&one, made);
		for (block = 0; block < one.size / BLOCK; block++)
			if (one.used[block])
				image_write(image, fs->size * (uint64_t)i + block * BLOCK,
				            one.bytes + block * BLOCK, BLOCK);
		image_release(&one);
	}
	fd = open(world->live, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)image->size) != 0)
		err(1, "%s", world->live);
	image_store(image, fd);
	close(fd);
}

static void start_recorder(struct session *session, int disks)
{
	struct world *world = session->world;
	const char *program = getenv("CRASH_RECORDER");
	char number[16], count[16], byte;
	const char *argv[] = {program ? program : "recorder",
	                      world->live,
	                      count,
	                      world->log,
	                      number,
	                      world->disk,
	                      NULL};
	int ready[2];

	if (pipe(ready) != 0)
		err(1, "pipe");
	fcntl(ready[0], F_SETFD, FD_CLOEXEC);
	snprintf(number, sizeof number, "%d", ready[1]);
	snprintf(count, sizeof count, "%d", disks);
	if (posix_spawnp(&session->recorder, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv,
	                 environ) != 0)
		errx(1, "cannot start %s", argv[0]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		errx(1, "the recorder did not start");
	close(ready[0]);
}

static void write_line(const struct session *session, const char *name, const char *text)
{
	char path[100];
	int fd;

	snprintf(path, sizeof path, "%s/%s", session->world->disk, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		err(1, "%s", path);
	close(fd);
}

static void mark(const struct session *session, const char *word, int number)
{
	char text[40];

	snprintf(text, sizeof text, "%s %d", word, number);
	write_line(session, "mark", text);
}

static void session_begin(struct session *session, struct world *world, const struct fs *fs,
                          int disks)
{
	char disk[100];
	int rc, i;

	session->world = world;
	session->fs = fs;
	start_recorder(session, disks);
	for (i = 0; i < disks; i++) {
		snprintf(disk, sizeof disk, "%s/disk%d", world->disk, i);
		disks_add(&session->disks, disk, 0, 0);
	}
	rc = disks_mount(&session->disks, fs, world->point, world->root);
	if (rc)
		errx(1, "%s does not mount: %s", fs->name, strerror(rc));
	if (disks == 1 && mkdir(world->root, 0755) != 0)
		err(1, "%s", world->root);
}

/* What fuse_main ends with if its loop failed (fuse.h) */
#define LOOP_FAILED 8

static void session_end(struct session *session)
{
	int status;

	disks_unmount(&session->disks, session->world->point, session->world->root);
	disks_close(&session->disks);
	unmount(session->world->disk);
	if (waitpid(session->recorder, &status, 0) < 0)
		err(1, "wait");
	/* After the unmount: it may find its connection cut before it hears of its end. */
	if (status != 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == LOOP_FAILED))
		errx(1, "the recorder ended with %d", status);
}

static void sync_one(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	syncfs(fd);
	close(fd);
}

static void sync_fs(const struct session *session)
{
	char path[100];
	int i;

	sync_one(session->world->point);
	for (i = 1; i < session->disks.count; i++) {
		snprintf(path, sizeof path, "%s/%c", session->world->root, 'a' + i);
		sync_one(path);
	}
}

static int run_step(const struct session *session, const char *script)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct spawn spawn = {
	        .argv = argv, .directory = session->world->root, .output = session->world->output};

	spawn.variables[0] = session->mutant[0] ? session->mutant : NULL;
	spawn.variables[1] = session->noise[0] ? session->noise : NULL;
	return run(&spawn);
}

static void must_work(const struct session *session, const char *script, int status)
{
	char why[WHY_SIZE];

	if (status == 0)
		return;
	file_tail(session->world->output, why, sizeof why);
	errx(1, "%s: '%s' ended with %d: %s", session->fs->name, script, status, why);
}

/* What is there, and what who reads is to see. */
static void take_tree(const struct session *session, const struct workload *workload,
                      struct tree *tree)
{
	char path[100];

	tree_take(tree, session->world->root);
	snprintf(path, sizeof path, "%s/scratch/answer", session->world->top);
	if (workload->read)
		tree->answer = file_digest(path);
}

/* The tree after step i, or what a resumed one is to look like. */
static void take_state(struct session *session, const struct workload *workload, int i,
                       struct recording *recording)
{
	char why[WHY_SIZE], model[100];
	struct tree *state = &recording->states[i + 1];

	if (workload->resume) {
		snprintf(model, sizeof model, "%s/model", session->world->top);
		must_work(session, workload->model[i],
		          run_shell(workload->model[i], NULL, model, session->world->output));
		tree_take(state, model);
		return;
	}
	take_tree(session, workload, state);
	if (state->residue)
		errx(1, "%s: step %d leaves %s behind", workload->name, i + 1, state->residue_name);
	if (!tree_differ(state, &recording->states[i], why, sizeof why))
		errx(1, "%s: step %d changed nothing", workload->name, i + 1);
}

static void make_model(struct session *session)
{
	static const char copy[] = "rm -rf ../../model && cp -a . ../../model";

	must_work(session, copy,
	          run_shell(copy, NULL, session->world->root, session->world->output));
}

static void run_steps(struct session *session, const struct workload *workload,
                      struct trouble *trouble, struct recording *recording)
{
	int i, status;

	for (i = 0; i < STEPS_MAX && workload->steps[i]; i++) {
		mark(session, "begun", i + 1);
		status = run_step(session, workload->steps[i]);
		if (trouble) {
			trouble->status[trouble->ran++] = status;
			if (status != 0)
				return;
		} else {
			must_work(session, workload->steps[i], status);
		}
		mark(session, "done", i + 1);
		if (!trouble)
			take_state(session, workload, i, recording);
	}
	recording->steps = i;
}

void record(struct world *world, const struct fs *fs, const struct workload *workload,
            const struct setting *setting, struct trouble *trouble, struct recording *recording)
{
	struct session session = {.recorder = 0};

	world_path(world, setting->mutant || setting->noise);
	memset(recording, 0, sizeof *recording);
	recording->fs = fs;
	recording->workload = workload;
	recording->noise = setting->noise;
	make_disks(world, fs, disks_of(workload), &recording->base);
	session_begin(&session, world, fs, disks_of(workload));
	must_work(&session, workload->before, run_step(&session, workload->before));
	sync_fs(&session);
	take_tree(&session, workload, &recording->states[0]);
	if (workload->resume)
		make_model(&session);
	mark(&session, "begin", 0);
	if (setting->mutant)
		snprintf(session.mutant, sizeof session.mutant, "COMMIT_CRASH_MUTANT=%s",
		         setting->mutant);
	if (setting->noise)
		snprintf(session.noise, sizeof session.noise, "COMMIT_CRASH_NOISE=%s/noise",
		         world->point);
	if (trouble)
		write_line(&session, "control", trouble->order);
	run_steps(&session, workload, trouble, recording);
	if (!trouble)
		sync_fs(&session);
	mark(&session, "end", 0);
	if (trouble)
		write_line(&session, "control", "off");
	session_end(&session);
	recording_read_log(recording, world->log);
	recording_parse(recording);
}
