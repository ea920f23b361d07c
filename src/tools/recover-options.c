/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "recover-options.h"

#include "args.h"
#include "cli.h"
#include "jsonl.h"
#include "parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/commit/recover.conf"

static const char usage[] =
        "usage: commit-recover [OPTION]... [PATH]...\n"
        "Find what interrupted saves left behind in each directory PATH, or for each file PATH,\n"
        "and finish or remove what is proven to be ours and dead. The rest is reported and left\n"
        "alone. Without PATH the paths are those in " DEFAULT_CONFIG ", one a line.\n"
        "\n"
        "  -n, --dry-run            say what would be done\n"
        "  -r, --recursive          everything below PATH\n"
        "  -x, --one-file-system    but not across mounts\n"
        "      --check              look for breaches of the four invariants, and change nothing\n"
        "      --list               list transactions that are open, pending or in conflict\n"
        "      --resolve=TXN:commit|abort\n"
        "                           decide about one: publish ours, what is in its way goes\n"
        "                           beside it; or drop it, or take back what was committed\n"
        "      --older-than=AGE     leave alone what is younger: 90s, 10m, 12h, 7d\n"
        "      --journal-dir=DIR    journals of in-place edits are there, not in the default "
        "place\n"
        "      --as-owner           as root: deal with other users' files under their identity\n"
        "      --config=FILE        instead of " DEFAULT_CONFIG "\n"
        "      --repaired-ok        exit with 0, not 10, when something was repaired\n"
        "      --prom=FILE          write counts for node_exporter's textfile collector\n"
        "      --html=FILE          write a page to look at; - is standard output\n"
        "      --json               one object a finding, then one for the run\n"
        "  -q, --quiet              no warnings\n"
        "  -v, --verbose            what belongs to a living process too, and a summary\n"
        "      --help    --version\n"
        "\n"
        "Exit status: 0 nothing to repair, 10 repaired, 11 a person must decide, 3 something "
        "could\n"
        "not be finished, 1 something could not be read, 2 usage, 4 refused, 5 busy, 6 "
        "undecided.\n"
        "With --check 10 stands for leaks, 11 for a disaster.\n";

enum {
	OPT_OLDER_THAN = 256,
	OPT_CHECK,
	OPT_LIST,
	OPT_RESOLVE,
	OPT_JOURNAL_DIR,
	OPT_AS_OWNER,
	OPT_CONFIG,
	OPT_REPAIRED_OK,
	OPT_PROM,
	OPT_HTML,
	OPT_JSON,
	OPT_HELP,
	OPT_VERSION
};

static const struct option longs[] = {
        {"dry-run", no_argument, NULL, 'n'},
        {"recursive", no_argument, NULL, 'r'},
        {"one-file-system", no_argument, NULL, 'x'},
        {"check", no_argument, NULL, OPT_CHECK},
        {"list", no_argument, NULL, OPT_LIST},
        {"resolve", required_argument, NULL, OPT_RESOLVE},
        {"older-than", required_argument, NULL, OPT_OLDER_THAN},
        {"journal-dir", required_argument, NULL, OPT_JOURNAL_DIR},
        {"as-owner", no_argument, NULL, OPT_AS_OWNER},
        {"config", required_argument, NULL, OPT_CONFIG},
        {"repaired-ok", no_argument, NULL, OPT_REPAIRED_OK},
        {"prom", required_argument, NULL, OPT_PROM},
        {"html", required_argument, NULL, OPT_HTML},
        {"json", no_argument, NULL, OPT_JSON},
        {"quiet", no_argument, NULL, 'q'},
        {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, OPT_HELP},
        {"version", no_argument, NULL, OPT_VERSION},
        {NULL, 0, NULL, 0},
};

bool recover_page_is_output(const struct recover_options *options)
{
	return options->html != NULL && strcmp(options->html, "-") == 0;
}

static int set_switch(struct recover_options *options, int option)
{
	switch (option) {
	case 'n':
		options->scan.flags |= COMMIT_RECOVER_DRY_RUN;
		break;
	case 'r':
		options->scan.flags |= COMMIT_RECOVER_TREE;
		break;
	case 'x':
		options->scan.flags |= COMMIT_RECOVER_ONE_FS;
		break;
	case OPT_CHECK:
		options->scan.flags |= COMMIT_RECOVER_CHECK;
		break;
	case OPT_LIST:
		options->scan.flags |= COMMIT_RECOVER_LIST;
		break;
	case OPT_AS_OWNER:
		options->as_owner = true;
		break;
	case OPT_REPAIRED_OK:
		options->repaired_ok = true;
		break;
	default:
		cli_switch(option);
		break;
	}
	return COMMIT_OK;
}

static int set_string(const char *option, const char *value, const char **string)
{
	if (value[0] == '\0')
		return cli_usage(option, "its value is empty");
	*string = value;
	return COMMIT_OK;
}

/* TXN:commit or TXN:abort; the id is made of hexadecimal digits and a hyphen. */
static int set_resolve(struct recover_options *options, const char *value)
{
	const char *colon = strchr(value, ':');
	size_t length = colon != NULL ? (size_t)(colon - value) : 0;

	if (length == 0 || length >= sizeof(options->transaction))
		return cli_usage("--resolve", "'%s' is not TXN:commit or TXN:abort", value);
	memcpy(options->transaction, value, length);
	options->transaction[length] = '\0';
	options->scan.resolve = options->transaction;
	if (strcmp(colon, ":commit") == 0)
		options->scan.take = COMMIT_RESOLVE_COMMIT;
	else if (strcmp(colon, ":abort") == 0)
		options->scan.take = COMMIT_RESOLVE_ABORT;
	else
		return cli_usage("--resolve", "'%s' is not TXN:commit or TXN:abort", value);
	if (strspn(options->transaction, "0123456789abcdef-") != length || length != 17 ||
	    options->transaction[8] != '-')
		return cli_usage("--resolve", "'%s' is not a transaction id", options->transaction);
	return COMMIT_OK;
}

static int set_option(void *context, int option, const char *value)
{
	struct recover_options *options = context;

	switch (option) {
	case OPT_OLDER_THAN:
		return parse_age("--older-than", value, &options->scan.older_than);
	case OPT_RESOLVE:
		return set_resolve(options, value);
	case OPT_JOURNAL_DIR:
		return set_string("--journal-dir", value, &options->scan.journal_dir);
	case OPT_CONFIG:
		return set_string("--config", value, &options->config);
	case OPT_PROM:
		return set_string("--prom", value, &options->prom);
	case OPT_HTML:
		return set_string("--html", value, &options->html);
	case OPT_JSON:
		options->json = true;
		return jsonl_option();
	case OPT_HELP:
		return cli_help(usage);
	case OPT_VERSION:
		return cli_version();
	default:
		return set_switch(options, option);
	}
}

static int add_path(struct recover_options *options, const char *path)
{
	size_t count = (size_t)options->path_count;
	char **longer = realloc(options->paths, (count + 1) * sizeof(*longer));

	if (longer != NULL)
		options->paths = longer;
	if (longer == NULL || (longer[count] = strdup(path)) == NULL) {
		cli_say(path, "out of memory");
		return COMMIT_EFAILED;
	}
	options->path_count++;
	return COMMIT_OK;
}

/* One line of the configuration file: blank, a comment, or an absolute path. */
static int read_line(struct recover_options *options, char *line, unsigned number)
{
	size_t length;

	line += strspn(line, " \t");
	length = strcspn(line, "\n");
	while (length > 0 && strchr(" \t\r", line[length - 1]) != NULL)
		length--;
	line[length] = '\0';
	if (line[0] == '\0' || line[0] == '#')
		return COMMIT_OK;
	if (line[0] != '/')
		return cli_usage(options->config, "line %u: '%s' is not an absolute path", number,
		                 line);
	return add_path(options, line);
}

static int read_config(struct recover_options *options)
{
	FILE *stream = fopen(options->config, "re");
	char *line = NULL;
	size_t size = 0;
	int rc = COMMIT_OK;

	if (stream == NULL && errno == ENOENT)
		return cli_usage(NULL, "PATH is missing, and there is no %s", options->config);
	for (unsigned number = 1; stream != NULL && rc == COMMIT_OK; number++) {
		errno = 0;
		if (getline(&line, &size, stream) < 0)
			break;
		rc = read_line(options, line, number);
	}
	if (stream == NULL || ferror(stream)) {
		cli_say(options->config, "read: %s (%s)", strerror(errno),
		        commit_errno_name(errno));
		rc = COMMIT_EFAILED;
	}
	if (rc == COMMIT_OK && options->path_count == 0)
		rc = cli_usage(options->config, "names no path");
	free(line);
	if (stream != NULL)
		fclose(stream);
	return rc;
}

static int take_paths(struct recover_options *options, const struct args *args)
{
	int rc = COMMIT_OK;

	for (int i = 0; i < args->operand_count && rc == COMMIT_OK; i++)
		rc = args->operands[i][0] != '\0' ? add_path(options, args->operands[i])
		                                  : cli_usage(NULL, "the name of PATH is empty");
	if (args->operand_count == 0)
		rc = read_config(options);
	return rc;
}

/* Three questions, of which a run answers one. */
static int check_together(const struct recover_options *options)
{
	unsigned flags = options->scan.flags;
	int modes = ((flags & COMMIT_RECOVER_CHECK) != 0) + ((flags & COMMIT_RECOVER_LIST) != 0) +
	            (options->scan.resolve != NULL);

	if (modes > 1)
		return cli_usage(NULL, "--check, --list and --resolve exclude each other");
	if (options->scan.resolve != NULL && (flags & COMMIT_RECOVER_DRY_RUN) != 0)
		return cli_usage(NULL, "--resolve is a decision: -n cannot be with it (--list)");
	if (options->json && recover_page_is_output(options))
		return cli_usage("--html=-", "--json has standard output; name a file");
	return COMMIT_OK;
}

int recover_options_parse(struct recover_options *options, int argc, char **argv)
{
	struct args args = {
	        .shorts = "nrxqv",
	        .longs = longs,
	        .set = set_option,
	        .context = options,
	};
	int rc;

	memset(options, 0, sizeof(*options));
	options->spool = -1;
	options->config = DEFAULT_CONFIG;
	commit_recover_options_init(&options->scan);
	rc = args_parse(&args, argc, argv);
	if (rc == COMMIT_OK)
		rc = take_paths(options, &args);
	if (rc == COMMIT_OK)
		rc = check_together(options);
	if (rc == COMMIT_OK && options->as_owner && geteuid() != 0)
		rc = cli_usage("--as-owner", "only root can take another user's identity");
	args_release(&args);
	return rc;
}

void recover_options_release(struct recover_options *options)
{
	for (int i = 0; i < options->path_count; i++)
		free(options->paths[i]);
	free(options->paths);
	options->paths = NULL;
	options->path_count = 0;
	if (options->spool >= 0)
		close(options->spool);
	options->spool = -1;
}
