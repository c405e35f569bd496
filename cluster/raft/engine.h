// The engine as C sees it: libraft's event API behind flat structs. raft.h does not compile as C++, so engine.c alone includes it.
//
// The engine is a state machine: no I/O, no threads, no clock. It holds no entries, only which term each index has. What these
// functions guard against is told in engine.c and in cluster/raft/README.md; RaftGroup is the one user.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lvt_engine;

enum { LVT_ENGINE_FOLLOWER = 1, LVT_ENGINE_CANDIDATE, LVT_ENGINE_LEADER };
enum { LVT_ROLE_STANDBY = 0, LVT_ROLE_VOTER = 1 };
enum { LVT_ENTRY_COMMAND = 1, LVT_ENTRY_BARRIER, LVT_ENTRY_CHANGE };
enum { LVT_CATCH_UP_NONE = 0, LVT_CATCH_UP_RUNNING, LVT_CATCH_UP_ABORTED, LVT_CATCH_UP_FINISHED };
enum {
    LVT_APPEND_ENTRIES = 1,
    LVT_APPEND_ENTRIES_RESULT,
    LVT_REQUEST_VOTE,
    LVT_REQUEST_VOTE_RESULT,
    LVT_INSTALL_SNAPSHOT,
    LVT_TIMEOUT_NOW
};

/// One entry. The engine reads `data` during the call only, and only of changes.
struct lvt_entry {
    uint64_t term;
    int type;
    const char* data;
    size_t size;
};

struct lvt_server {
    uint64_t id;
    int role;
};

/// All messages in one: each type uses the fields that its line names.
struct lvt_message {
    uint8_t type;
    /// The engine's, of this type of message. It must arrive as it was sent.
    uint8_t version;
    /// Sender of a received one, addressee of one to send.
    uint64_t peer;
    uint64_t term;
    uint64_t
        index;  // append: before the entries; vote, timeout now: last of log; snapshot: last in it; result: last of log
    uint64_t index_term;  // append, vote, timeout now, snapshot: term of `index`
    uint64_t
        commit;  // append: commit index; snapshot: index of its configuration; result: rejected index or 0
    uint64_t candidate;  // vote
    uint32_t count;      // append: entries behind `index`
    uint16_t features;   // results
    uint16_t capacity;   // results
    bool flag;           // vote: disrupt the leader; vote result: granted
    bool pre_vote;       // vote, vote result
};

struct lvt_snapshot {
    uint64_t index;
    uint64_t term;
    uint64_t configuration_index;
    const struct lvt_server* servers;
    size_t servers_count;
};

/// What a step wants. Valid until the next one.
struct lvt_update {
    /// 0, or the engine's error.
    int status;
    bool vote_changed;
    bool state_changed;
    /// Install the snapshot of the message that was received.
    bool snapshot;
    /// Write the engine's own barrier at `entries_index` instead of given entries.
    bool barrier;
    /// 0, or where entries are to be written; what stood there and behind it goes first.
    uint64_t entries_index;
    /// Which of the given entries: [entries_offset, entries_offset + entries_count).
    size_t entries_offset;
    size_t entries_count;
    size_t messages_count;
};

/// NULL where there is no memory.
struct lvt_engine* lvt_engine_new(uint64_t id, uint32_t seed);
void lvt_engine_delete(struct lvt_engine* engine);
/// Before start; milliseconds.
void lvt_engine_configure(
    struct lvt_engine* engine, unsigned election_timeout, unsigned heartbeat_timeout,
    unsigned install_snapshot_timeout);
void lvt_engine_set_inflight_max(struct lvt_engine* engine, unsigned entries);

// Events. `now` in milliseconds, never less than before.

void lvt_engine_start(
    struct lvt_engine* engine, uint64_t now, uint64_t term, uint64_t vote,
    const struct lvt_snapshot* snapshot, uint64_t first_index, const struct lvt_entry* entries,
    size_t count, struct lvt_update* update);
/// `snapshot` of LVT_INSTALL_SNAPSHOT alone.
void lvt_engine_receive(
    struct lvt_engine* engine, uint64_t now, const struct lvt_message* message,
    const struct lvt_entry* entries, const struct lvt_snapshot* snapshot,
    struct lvt_update* update);
void lvt_engine_persisted_entries(
    struct lvt_engine* engine, uint64_t now, uint64_t index, struct lvt_update* update);
void lvt_engine_persisted_snapshot(
    struct lvt_engine* engine, uint64_t now, const struct lvt_snapshot* snapshot,
    struct lvt_update* update);
/// The change at snapshot->index is committed.
void lvt_engine_configuration(
    struct lvt_engine* engine, uint64_t now, const struct lvt_snapshot* configuration,
    struct lvt_update* update);
void lvt_engine_snapshot_taken(
    struct lvt_engine* engine, uint64_t now, const struct lvt_snapshot* snapshot, unsigned trailing,
    struct lvt_update* update);
void lvt_engine_timeout(struct lvt_engine* engine, uint64_t now, struct lvt_update* update);
void lvt_engine_submit(
    struct lvt_engine* engine, uint64_t now, const struct lvt_entry* entries, size_t count,
    struct lvt_update* update);
void lvt_engine_catch_up(
    struct lvt_engine* engine, uint64_t now, uint64_t server, struct lvt_update* update);
/// server 0: the engine chooses.
void lvt_engine_transfer(
    struct lvt_engine* engine, uint64_t now, uint64_t server, struct lvt_update* update);

/// The i-th message of the last update.
struct lvt_message lvt_engine_message(const struct lvt_engine* engine, size_t i);

// State.

uint64_t lvt_engine_term(const struct lvt_engine* engine);
uint64_t lvt_engine_vote(const struct lvt_engine* engine);
int lvt_engine_state(const struct lvt_engine* engine);
/// LVT_ROLE_*, -1 where the node is not in the configuration.
int lvt_engine_role(const struct lvt_engine* engine);
/// 0: unknown.
uint64_t lvt_engine_leader(const struct lvt_engine* engine);
uint64_t lvt_engine_commit_index(const struct lvt_engine* engine);
uint64_t lvt_engine_last_index(const struct lvt_engine* engine);
uint64_t lvt_engine_last_stored(const struct lvt_engine* engine);
/// When to call lvt_engine_timeout.
uint64_t lvt_engine_deadline(const struct lvt_engine* engine);
bool lvt_engine_installing(const struct lvt_engine* engine);
/// 0: none.
uint64_t lvt_engine_uncommitted_change(const struct lvt_engine* engine);
/// Of a leader: how far the server's log is known to match; 0 where it is not in the configuration.
uint64_t lvt_engine_match_index(const struct lvt_engine* engine, uint64_t server);
/// Of a leader: LVT_CATCH_UP_*.
int lvt_engine_catch_up_status(const struct lvt_engine* engine, uint64_t server);
bool lvt_engine_catching_up(const struct lvt_engine* engine);
/// 0: leadership is not being handed over.
uint64_t lvt_engine_transferee(const struct lvt_engine* engine);
const char* lvt_engine_error(int status);

#ifdef __cplusplus
}
#endif
