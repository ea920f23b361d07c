/* SPDX-License-Identifier: ISC */
/*
 * faults.h - one run of a tool with the fault seam, and what the seam wrote about it
 *
 * Works in the current directory: the files log, trace, out and err there are
 * of the last run.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stddef.h>

#define NAME_SIZE 128
#define FIRED_MAX 32

struct fired {
	unsigned long at;
	char call[24];
	char what[24];
};

struct run {
	int status;  /* exit status, -1 if ended by a signal */
	int killed;  /* ended by SIGKILL of the seam */
	int hung;    /* ended by us */
	long calls;  /* -1: not said */
	long leaked; /* -1: not said */
	/* what the walked fault did; without the preset's */
	int fired_count;
	struct fired fired[FIRED_MAX];
	char out[8192];
	char err[4096];
};

/* One call of a trace. */
struct call {
	char name[24];
	unsigned long inode;
	char file[NAME_SIZE];
};

#define CALLS_MAX 1600

struct trace {
	int count;
	struct call calls[CALLS_MAX];
};

/* The path of a tool with the seam, in $LC_FAULT_BIN. */
const char *fault_tool(const char *tool, char path[4096]);
/* Runs argv with fd in as standard input (-1: nothing); what it says goes to out and err. */
void run_tool(const char *const *argv, int in, struct run *run);
/* The same with a fault to walk, "" for none, and others that belong to the case. */
void run_with_fault(const char *const *argv, int in, const char *fault, const char *preset,
                    int traced, struct run *run);
/* In the environment; no value: not there. */
void set_or_not(const char *name, const char *value);
void read_text(const char *path, char *text, size_t size);
void read_trace(struct trace *trace);
int fired_call(const struct run *run, const char *call);

/* What may go wrong with a call, NULL at the end. */
const char *const *fault_errnos(const char *call);
/* EINTR for ever is no error but a reason to go on for ever. */
int fault_can_last(const char *what);
/* What every program must be able to bear. */
int fault_is_harmless(const struct fired *fired);
/* How many calls of that name there are up to and with this one. */
int trace_occurrence(const struct trace *trace, int at);

#endif
