/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "progress.h"

#include "cli.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_MS = 1000, NEXT_MS = 200, WIDTH = 60 };

static struct {
	pthread_mutex_t lock;
	bool wanted;
	/* dimmed, where the terminal can and the user may want it */
	bool dim;
	/* milliseconds at which the next line may come */
	int64_t due;
	/* columns that are to be wiped off */
	int shown;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int64_t now_ms(void)
{
	struct timespec now = {0, 0};

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* https://no-color.org: set and not empty */
static bool may_dim(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	return (no_color == NULL || *no_color == '\0') && terminal != NULL && *terminal != '\0' &&
	       strcmp(terminal, "dumb") != 0;
}

void progress_begin(void)
{
	pthread_mutex_lock(&state.lock);
	state.wanted = !cli.quiet && isatty(STDERR_FILENO);
	state.dim = state.wanted && may_dim();
	state.due = now_ms() + FIRST_MS;
	pthread_mutex_unlock(&state.lock);
}

bool progress_is_due(void)
{
	bool due;

	pthread_mutex_lock(&state.lock);
	due = state.wanted && now_ms() >= state.due;
	pthread_mutex_unlock(&state.lock);
	return due;
}

/* Blanks, which every terminal knows. */
static void wipe(void)
{
	if (state.shown > 0)
		fprintf(stderr, "\r%*s\r", state.shown, "");
	state.shown = 0;
}

static void draw(const char *text)
{
	wipe();
	state.shown = (int)strlen(text);
	state.due = now_ms() + NEXT_MS;
	fprintf(stderr, "%s%s%s", state.dim ? "\033[2m" : "", text, state.dim ? "\033[0m" : "");
	fflush(stderr);
}

void progress_show(const char *format, ...)
{
	char text[WIDTH];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	pthread_mutex_lock(&state.lock);
	if (state.wanted)
		draw(text);
	pthread_mutex_unlock(&state.lock);
}

void progress_wait(const char *text)
{
	pthread_mutex_lock(&state.lock);
	if (state.wanted && state.shown > 0)
		draw(text);
	pthread_mutex_unlock(&state.lock);
}

void progress_clear(void)
{
	pthread_mutex_lock(&state.lock);
	wipe();
	pthread_mutex_unlock(&state.lock);
}

void progress_end(void)
{
	pthread_mutex_lock(&state.lock);
	wipe();
	state.wanted = false;
	pthread_mutex_unlock(&state.lock);
}
