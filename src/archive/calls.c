/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "calls.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static struct archive_calls calls;
static bool loaded;

static const struct {
	const char *name;
	size_t offset;
} places[] = {
#define PLACE(name) {#name, offsetof(struct archive_calls, name)},
        ARCHIVE_CALLS(PLACE)
#undef PLACE
};

const struct archive_calls *archive_calls_load(const char **why)
{
	/* all of libarchive 3 has this name */
	void *library = loaded ? NULL : dlopen("libarchive.so.13", RTLD_NOW | RTLD_LOCAL);

	if (loaded)
		return &calls;
	if (library == NULL) {
		*why = dlerror();
		return NULL;
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		void *found = dlsym(library, places[i].name);

		if (found == NULL) {
			*why = dlerror();
			return NULL;
		}
		memcpy((char *)&calls + places[i].offset, &found, sizeof(found));
	}
	loaded = true;
	return &calls;
}
