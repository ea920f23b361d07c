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
	struct device device;
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

/* A fresh one in the recorder's image; each is made once, and kept. */
static void make_fs(struct world *world, const struct fs *fs, struct image *image)
{
	char made[PATH_SIZE];
	int fd;

	snprintf(made, sizeof made, "%s/made-%s", world->top, fs->name);
	if (access(made, F_OK) != 0)
		run_make(world, fs, made);
	image_load(image, made);
	fd = open(world->live, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)fs->size) != 0)
		err(1, "%s", world->live);
	image_store(image, fd);
	close(fd);
}

static void start_recorder(struct session *session)
{
	struct world *world = session->world;
	const char *program = getenv("CRASH_RECORDER");
	char number[16], byte;
	const char *argv[] = {
	        program ? program : "recorder", world->live, world->log, number, world->disk, NULL};
	int ready[2];

	if (pipe(ready) != 0)
		err(1, "pipe");
	fcntl(ready[0], F_SETFD, FD_CLOEXEC);
	snprintf(number, sizeof number, "%d", ready[1]);
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

static void session_begin(struct session *session, struct world *world, const struct fs *fs)
{
	char disk[100];
	int rc;

	session->world = world;
	session->fs = fs;
	start_recorder(session);
	snprintf(disk, sizeof disk, "%s/disk", world->disk);
	device_open(&session->device, disk);
	rc = device_mount(&session->device, fs, world->point);
	if (rc)
		errx(1, "%s does not mount: %s", fs->name, strerror(rc));
	if (mkdir(world->root, 0755) != 0)
		err(1, "%s", world->root);
}

static void session_end(struct session *session)
{
	int status;

	if (umount2(session->world->point, 0) != 0 &&
	    umount2(session->world->point, MNT_DETACH) != 0)
		err(1, "umount %s", session->world->point);
	device_close(&session->device);
	unmount(session->world->disk);
	if (waitpid(session->recorder, &status, 0) < 0 || status != 0)
		errx(1, "the recorder ended with %d", status);
}

static void sync_fs(const struct session *session)
{
	int fd = open(session->world->point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", session->world->point);
	syncfs(fd);
	close(fd);
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
	tree_take(state, session->world->root);
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
	make_fs(world, fs, &recording->base);
	session_begin(&session, world, fs);
	must_work(&session, workload->before, run_step(&session, workload->before));
	sync_fs(&session);
	tree_take(&recording->states[0], world->root);
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
