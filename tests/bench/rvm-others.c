/* SPDX-License-Identifier: ISC */
/* The same transactions by others who promise the same, as far as their libraries are there. */
#include "config.h"

#include "rvm-bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_SQLITE3
#include <sqlite3.h>

struct connection {
	sqlite3 *db;
	sqlite3_stmt *begin, *update, *insert, *commit;
};

static void sql(sqlite3 *db, const char *text)
{
	char *why = NULL;

	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK) {
		fprintf(stderr, "sqlite: %s: %s\n", text, why);
		exit(1);
	}
}

static struct connection *connect_to(void)
{
	const int patience_ms = 100000;
	struct connection *c = calloc(1, sizeof *c);

	if (!c || sqlite3_open("sqlite.db", &c->db) != SQLITE_OK)
		die("sqlite");
	sqlite3_busy_timeout(c->db, patience_ms);
	sql(c->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
	           "CREATE TABLE IF NOT EXISTS account(id INTEGER PRIMARY KEY, v BLOB);"
	           "CREATE TABLE IF NOT EXISTS history(id INTEGER PRIMARY KEY, v BLOB);");
	if (sqlite3_prepare_v2(c->db, "BEGIN IMMEDIATE", -1, &c->begin, NULL) ||
	    sqlite3_prepare_v2(c->db, "UPDATE account SET v=?2 WHERE id=?1", -1, &c->update,
	                       NULL) ||
	    sqlite3_prepare_v2(c->db, "INSERT OR REPLACE INTO history VALUES(?1, ?2)", -1,
	                       &c->insert, NULL) ||
	    sqlite3_prepare_v2(c->db, "COMMIT", -1, &c->commit, NULL))
		die("sqlite prepare");
	return c;
}

static void open_sqlite(void)
{
	struct connection *c = connect_to();

	sql(c->db, "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i < 65535) "
	           "INSERT INTO account SELECT i, zeroblob(16) FROM n");
	sqlite3_close_v2(c->db);
}

static void step(sqlite3_stmt *statement)
{
	if (sqlite3_step(statement) != SQLITE_DONE) {
		fputs("sqlite: a step failed\n", stderr);
		exit(1);
	}
	sqlite3_reset(statement);
}

static void put(sqlite3_stmt *statement, size_t id, const void *bytes, int length)
{
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
	sqlite3_bind_blob(statement, 2, bytes, length, SQLITE_STATIC);
	step(statement);
}

static void act_sqlite(struct worker *w)
{
	unsigned char bytes[SLOT];
	struct connection *c;
	size_t place[4];
	int i;

	if (!w->own)
		w->own = connect_to();
	c = w->own;
	choose(w, place);
	memset(bytes, (int)w->commits, sizeof bytes);
	step(c->begin);
	for (i = 0; i < 3; i++)
		put(c->update, (w->number * MINE + place[i]) / 16, bytes, 16);
	put(c->insert, (w->number * MINE + place[3]) / SLOT, bytes, SLOT);
	step(c->commit);
}
#endif

#ifdef HAVE_LMDB
#include <lmdb.h>

static MDB_env *env;
static MDB_dbi accounts_db, history_db;

static void lmdb(int rc)
{
	if (rc) {
		fprintf(stderr, "lmdb: %s\n", mdb_strerror(rc));
		exit(1);
	}
}

static void open_lmdb(void)
{
	MDB_txn *txn;

	lmdb(mdb_env_create(&env));
	lmdb(mdb_env_set_maxdbs(env, 2));
	lmdb(mdb_env_set_mapsize(env, (size_t)1 << 30));
	lmdb(mdb_env_open(env, "lmdb.db", MDB_NOSUBDIR, 0600));
	lmdb(mdb_txn_begin(env, NULL, 0, &txn));
	lmdb(mdb_dbi_open(txn, "account", MDB_CREATE | MDB_INTEGERKEY, &accounts_db));
	lmdb(mdb_dbi_open(txn, "history", MDB_CREATE | MDB_INTEGERKEY, &history_db));
	lmdb(mdb_txn_commit(txn));
}

static void put_lmdb(MDB_txn *txn, MDB_dbi db, size_t id, void *bytes, size_t length)
{
	MDB_val key = {sizeof id, &id}, value = {length, bytes};

	lmdb(mdb_put(txn, db, &key, &value, 0));
}

static void act_lmdb(struct worker *w)
{
	unsigned char bytes[SLOT];
	MDB_txn *txn;
	size_t place[4];
	int i;

	choose(w, place);
	memset(bytes, (int)w->commits, sizeof bytes);
	lmdb(mdb_txn_begin(env, NULL, 0, &txn));
	for (i = 0; i < 3; i++)
		put_lmdb(txn, accounts_db, (w->number * MINE + place[i]) / 16, bytes, 16);
	put_lmdb(txn, history_db, (w->number * MINE + place[3]) / SLOT, bytes, SLOT);
	lmdb(mdb_txn_commit(txn));
}
#endif

#ifdef HAVE_PMEMOBJ
#include <libpmemobj.h>

static PMEMobjpool *pool;
static char *pool_accounts;

/* Else it would flush the file by msync each time: the caller says that this is persistent memory.
 */
static void open_pmemobj(void)
{
	setenv("PMEM_IS_PMEM_FORCE", "1", 1);
	pool = pmemobj_create("pmemobj.pool", "bench", (size_t)64 << 20, 0600);
	if (!pool)
		die("pmemobj");
	pool_accounts = pmemobj_direct(pmemobj_root(pool, ACCOUNTS));
}

static void act_pmemobj(struct worker *w)
{
	char *mine = pool_accounts + w->number * MINE;
	size_t place[4];
	int i;

	choose(w, place);
	if (pmemobj_tx_begin(pool, NULL, TX_PARAM_NONE))
		die("pmemobj");
	for (i = 0; i < 4; i++) {
		if (pmemobj_tx_add_range_direct(mine + place[i], i < 3 ? 16 : SLOT))
			die("pmemobj");
		memset(mine + place[i], (int)w->commits, i < 3 ? 16 : SLOT);
	}
	pmemobj_tx_commit();
	pmemobj_tx_end();
}
#endif

const struct way other_ways[] = {
#ifdef HAVE_SQLITE3
        {"sqlite", open_sqlite, act_sqlite, NULL, 1},
#endif
#ifdef HAVE_LMDB
        {"lmdb", open_lmdb, act_lmdb, NULL, 1},
#endif
#ifdef HAVE_PMEMOBJ
        {"pmemobj", open_pmemobj, act_pmemobj, NULL, 100},
#endif
        {NULL, NULL, NULL, NULL, 0},
};
