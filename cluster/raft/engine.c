// The one file that sees raft.h, and owner of `struct raft`. The rules of libraft 0.22.1 that are not in its documentation:
//
// - raft_init sets a tracer that formats into static buffers, also when tracing is off: slow, and a data race between groups.
// - `batch` of the first received entry is freed by the engine where the message is answered at once, and is ours where the
//   entries are to be written. It gets one octet that stands for nothing; payloads are never the engine's.
// - The configuration of an InstallSnapshot is freed with the answer, is ours where the snapshot is to be installed, and is
//   leaked where one is being installed already. PERSISTED_SNAPSHOT, CONFIGURATION and SNAPSHOT take theirs.
// - A standby denies every vote. A server that was made a voter, and does not know it yet, must not: where a leader alone
//   restarts with "standby becomes voter" in its log, its vote is needed. A standby never forgets a dead leader either.
// - Addresses must differ: they are the ids in decimal. Where a server is dialled is none of the engine's business.
#include "cluster/raft/engine.h"

#include <inttypes.h>
#include <raft.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if RAFT_VERSION_NUMBER != 2201
#error "libraft 0.22.1 is needed: ownership rules differ in other versions"
#endif

struct lvt_engine {
    struct raft raft;
    struct raft_update update;
};

static void format_address(uint64_t id, char address[24]) {
    snprintf(address, 24, "%" PRIu64, id);
}

struct lvt_engine* lvt_engine_new(uint64_t id, uint32_t seed) {
    struct lvt_engine* engine = calloc(1, sizeof *engine);
    if (engine == NULL) return NULL;
    char address[24];
    format_address(id, address);
    if (raft_init(&engine->raft, NULL, NULL, id, address) != 0) {
        free(engine);
        return NULL;
    }
    engine->raft.tracer = NULL;
    raft_seed(&engine->raft, seed);
    raft_set_pre_vote(&engine->raft, true);
    return engine;
}

void lvt_engine_delete(struct lvt_engine* engine) {
    if (engine == NULL) return;
    raft_close(&engine->raft, NULL);
    free(engine);
}

void lvt_engine_configure(
    struct lvt_engine* engine, unsigned election_timeout, unsigned heartbeat_timeout,
    unsigned install_snapshot_timeout) {
    raft_set_election_timeout(&engine->raft, election_timeout);
    raft_set_heartbeat_timeout(&engine->raft, heartbeat_timeout);
    raft_set_install_snapshot_timeout(&engine->raft, install_snapshot_timeout);
}

void lvt_engine_set_inflight_max(struct lvt_engine* engine, unsigned entries) {
    raft_set_max_inflight_entries(&engine->raft, entries);
}

static int make_configuration(
    const struct lvt_server* servers, size_t count, struct raft_configuration* out) {
    raft_configuration_init(out);
    for (size_t i = 0; i < count; ++i) {
        char address[24];
        format_address(servers[i].id, address);
        const int role = servers[i].role == LVT_ROLE_VOTER ? RAFT_VOTER : RAFT_STANDBY;
        const int status = raft_configuration_add(out, servers[i].id, address, role);
        if (status != 0) {
            raft_configuration_close(out);
            raft_configuration_init(out);
            return status;
        }
    }
    return 0;
}

static int make_metadata(
    const struct lvt_snapshot* snapshot, struct raft_snapshot_metadata* out) {
    out->index = snapshot->index;
    out->term = snapshot->term;
    out->configuration_index = snapshot->configuration_index;
    return make_configuration(snapshot->servers, snapshot->servers_count, &out->configuration);
}

/// `first` is the array that was given with the event.
static void step(
    struct lvt_engine* engine, struct raft_event* event, const struct raft_entry* first,
    struct lvt_update* out) {
    struct raft_update* update = &engine->update;
    memset(update, 0, sizeof *update);
    memset(out, 0, sizeof *out);
    out->status = raft_step(&engine->raft, event, update);
    if (out->status != 0) {
        update->flags = 0;
        return;
    }
    out->vote_changed = update->flags & (RAFT_UPDATE_CURRENT_TERM | RAFT_UPDATE_VOTED_FOR);
    out->state_changed = update->flags & (RAFT_UPDATE_STATE);
    out->snapshot = update->flags & (RAFT_UPDATE_SNAPSHOT);
    if (update->flags & (RAFT_UPDATE_ENTRIES)) {
        out->entries_index = update->entries.index;
        out->entries_count = update->entries.n;
        out->barrier = update->entries.batch == &engine->raft.barrier;
        if (out->barrier)
            raft_free(update->entries.batch[0].batch);
        else
            out->entries_offset = (size_t)(update->entries.batch - first);
    }
    if (update->flags & (RAFT_UPDATE_MESSAGES)) out->messages_count = update->messages.n;
}

/// NULL where there are none, or no memory.
static struct raft_entry* make_entries(const struct lvt_entry* entries, size_t count) {
    if (count == 0) return NULL;
    struct raft_entry* made = raft_calloc(count, sizeof *made);
    if (made == NULL) return NULL;
    for (size_t i = 0; i < count; ++i) {
        made[i].term = entries[i].term;
        made[i].type = (enum raft_entry_type)entries[i].type;
        made[i].buf.base = (void*)entries[i].data;
        made[i].buf.len = entries[i].size;
    }
    return made;
}

static struct raft_event event_of(enum raft_event_type type, uint64_t now) {
    struct raft_event event;
    memset(&event, 0, sizeof event);
    event.type = type;
    event.time = now;
    return event;
}

static void fail(struct lvt_update* update, int status) {
    memset(update, 0, sizeof *update);
    update->status = status;
}

void lvt_engine_start(
    struct lvt_engine* engine, uint64_t now, uint64_t term, uint64_t vote,
    const struct lvt_snapshot* snapshot, uint64_t first_index, const struct lvt_entry* entries,
    size_t count, struct lvt_update* update) {
    struct raft_snapshot_metadata metadata;
    if (snapshot != NULL) {
        const int status = make_metadata(snapshot, &metadata);
        if (status != 0) {
            fail(update, status);
            return;
        }
    }
    struct raft_entry* made = make_entries(entries, count);
    if (made == NULL && count != 0) {
        fail(update, RAFT_NOMEM);
        return;
    }
    struct raft_event event = event_of(RAFT_START, now);
    event.start.term = term;
    event.start.voted_for = vote;
    event.start.metadata = snapshot != NULL ? &metadata : NULL;
    event.start.start_index = first_index;
    event.start.entries = made;
    event.start.n_entries = (unsigned)count;
    step(engine, &event, made, update);
    // After an error the engine has freed the array.
    if (update->status == 0) raft_free(made);
}

static void fill_message(const struct lvt_message* from, struct raft_message* to) {
    to->type = (enum raft_message_type)from->type;
    to->server_id = from->peer;
    switch (from->type) {
        case LVT_APPEND_ENTRIES:
            to->append_entries.version = from->version;
            to->append_entries.term = from->term;
            to->append_entries.prev_log_index = from->index;
            to->append_entries.prev_log_term = from->index_term;
            to->append_entries.leader_commit = from->commit;
            break;
        case LVT_APPEND_ENTRIES_RESULT:
            to->append_entries_result.version = from->version;
            to->append_entries_result.term = from->term;
            to->append_entries_result.rejected = from->commit;
            to->append_entries_result.last_log_index = from->index;
            to->append_entries_result.features = from->features;
            to->append_entries_result.capacity = from->capacity;
            break;
        case LVT_REQUEST_VOTE:
            to->request_vote.version = from->version;
            to->request_vote.term = from->term;
            to->request_vote.candidate_id = from->candidate;
            to->request_vote.last_log_index = from->index;
            to->request_vote.last_log_term = from->index_term;
            to->request_vote.disrupt_leader = from->flag;
            to->request_vote.pre_vote = from->pre_vote;
            break;
        case LVT_REQUEST_VOTE_RESULT:
            to->request_vote_result.version = from->version;
            to->request_vote_result.term = from->term;
            to->request_vote_result.vote_granted = from->flag;
            to->request_vote_result.pre_vote = from->pre_vote;
            to->request_vote_result.features = from->features;
            to->request_vote_result.capacity = from->capacity;
            break;
        case LVT_INSTALL_SNAPSHOT:
            to->install_snapshot.version = from->version;
            to->install_snapshot.term = from->term;
            to->install_snapshot.last_index = from->index;
            to->install_snapshot.last_term = from->index_term;
            to->install_snapshot.conf_index = from->commit;
            break;
        default:
            to->timeout_now.version = from->version;
            to->timeout_now.term = from->term;
            to->timeout_now.last_log_index = from->index;
            to->timeout_now.last_log_term = from->index_term;
            break;
    }
}

/// Ourselves as a standby, NULL otherwise.
static struct raft_server* local_standby(struct raft* raft) {
    struct raft_configuration* configuration = &raft->configuration;
    for (unsigned i = 0; i < configuration->n; ++i) {
        struct raft_server* server = &configuration->servers[i];
        if (server->id == raft->id) return server->role == RAFT_VOTER ? NULL : server;
    }
    return NULL;
}

static void receive_entries(
    struct lvt_engine* engine, struct raft_event* event, const struct lvt_message* message,
    const struct lvt_entry* entries, struct lvt_update* update) {
    struct raft_entry* made = make_entries(entries, message->count);
    void* batch = made != NULL ? raft_malloc(1) : NULL;
    if (message->count != 0 && batch == NULL) {
        raft_free(made);
        fail(update, RAFT_NOMEM);
        return;
    }
    for (uint32_t i = 0; i < message->count; ++i) made[i].batch = batch;
    event->receive.message->append_entries.entries = made;
    event->receive.message->append_entries.n_entries = message->count;
    step(engine, event, made, update);
    if (update->entries_index != 0) raft_free(batch);
    raft_free(made);
}

static void receive_snapshot(
    struct lvt_engine* engine, struct raft_event* event, const struct lvt_snapshot* snapshot,
    struct lvt_update* update) {
    struct raft_install_snapshot* install = &event->receive.message->install_snapshot;
    const int status =
        make_configuration(snapshot->servers, snapshot->servers_count, &install->conf);
    if (status != 0) {
        fail(update, status);
        return;
    }
    step(engine, event, NULL, update);
    const bool answered = update->messages_count != 0;
    if (update->status == 0 && !answered) raft_configuration_close(&install->conf);
}

void lvt_engine_receive(
    struct lvt_engine* engine, uint64_t now, const struct lvt_message* message,
    const struct lvt_entry* entries, const struct lvt_snapshot* snapshot,
    struct lvt_update* update) {
    struct raft_event event = event_of(RAFT_RECEIVE, now);
    struct raft_message received;
    memset(&received, 0, sizeof received);
    char address[24];
    format_address(message->peer, address);
    received.server_address = address;
    fill_message(message, &received);
    event.receive.message = &received;
    if (message->type == LVT_APPEND_ENTRIES) {
        receive_entries(engine, &event, message, entries, update);
    } else if (message->type == LVT_INSTALL_SNAPSHOT) {
        receive_snapshot(engine, &event, snapshot, update);
    } else if (message->type == LVT_REQUEST_VOTE) {
        struct raft_server* standby = local_standby(&engine->raft);
        const int role = standby != NULL ? standby->role : 0;
        if (standby != NULL) standby->role = RAFT_VOTER;
        step(engine, &event, NULL, update);
        if (standby != NULL) standby->role = role;
    } else {
        step(engine, &event, NULL, update);
    }
    // An answer points at our copy of the address.
    for (size_t i = 0; i < update->messages_count; ++i)
        engine->update.messages.batch[i].server_address = NULL;
}

void lvt_engine_persisted_entries(
    struct lvt_engine* engine, uint64_t now, uint64_t index, struct lvt_update* update) {
    struct raft_event event = event_of(RAFT_PERSISTED_ENTRIES, now);
    event.persisted_entries.index = index;
    step(engine, &event, NULL, update);
}

void lvt_engine_persisted_snapshot(
    struct lvt_engine* engine, uint64_t now, const struct lvt_snapshot* snapshot,
    struct lvt_update* update) {
    struct raft_event event = event_of(RAFT_PERSISTED_SNAPSHOT, now);
    const int status = make_metadata(snapshot, &event.persisted_snapshot.metadata);
    if (status != 0) {
        fail(update, status);
        return;
    }
    event.persisted_snapshot.last = true;
    step(engine, &event, NULL, update);
}

void lvt_engine_configuration(
    struct lvt_engine* engine, uint64_t now, const struct lvt_snapshot* configuration,
    struct lvt_update* update) {
    struct raft_event event = event_of(RAFT_CONFIGURATION, now);
    event.configuration.index = configuration->index;
    const int status = make_configuration(
        configuration->servers, configuration->servers_count, &event.configuration.conf);
    if (status != 0) {
        fail(update, status);
        return;
    }
    step(engine, &event, NULL, update);
}

void lvt_engine_snapshot_taken(
    struct lvt_engine* engine, uint64_t now, const struct lvt_snapshot* snapshot, unsigned trailing,
    struct lvt_update* update) {
    struct raft_event event = event_of(RAFT_SNAPSHOT, now);
    const int status = make_metadata(snapshot, &event.snapshot.metadata);
    if (status != 0) {
        fail(update, status);
        return;
    }
    event.snapshot.trailing = trailing;
    step(engine, &event, NULL, update);
}

void lvt_engine_timeout(struct lvt_engine* engine, uint64_t now, struct lvt_update* update) {
    struct raft* raft = &engine->raft;
    if (raft->state == RAFT_FOLLOWER && local_standby(raft) != NULL && now >= raft_timeout(raft)) {
        raft_free(raft->follower_state.current_leader.address);
        raft->follower_state.current_leader.address = NULL;
        raft->follower_state.current_leader.id = 0;
    }
    struct raft_event event = event_of(RAFT_TIMEOUT, now);
    step(engine, &event, NULL, update);
}

void lvt_engine_submit(
    struct lvt_engine* engine, uint64_t now, const struct lvt_entry* entries, size_t count,
    struct lvt_update* update) {
    struct raft_entry* made = make_entries(entries, count);
    if (made == NULL) {
        fail(update, RAFT_NOMEM);
        return;
    }
    // The engine asks for one, and never frees it.
    made[0].batch = engine;
    struct raft_event event = event_of(RAFT_SUBMIT, now);
    event.submit.entries = made;
    event.submit.n = (unsigned)count;
    step(engine, &event, made, update);
    raft_free(made);
}

void lvt_engine_catch_up(
    struct lvt_engine* engine, uint64_t now, uint64_t server, struct lvt_update* update) {
    struct raft_event event = event_of(RAFT_CATCH_UP, now);
    event.catch_up.server_id = server;
    step(engine, &event, NULL, update);
}

void lvt_engine_transfer(
    struct lvt_engine* engine, uint64_t now, uint64_t server, struct lvt_update* update) {
    struct raft_event event = event_of(RAFT_TRANSFER, now);
    event.transfer.server_id = server;
    step(engine, &event, NULL, update);
}

struct lvt_message lvt_engine_message(const struct lvt_engine* engine, size_t i) {
    const struct raft_message* from = &engine->update.messages.batch[i];
    struct lvt_message to;
    memset(&to, 0, sizeof to);
    to.type = (uint8_t)from->type;
    to.peer = from->server_id;
    switch (from->type) {
        case RAFT_APPEND_ENTRIES:
            to.version = from->append_entries.version;
            to.term = from->append_entries.term;
            to.index = from->append_entries.prev_log_index;
            to.index_term = from->append_entries.prev_log_term;
            to.commit = from->append_entries.leader_commit;
            to.count = from->append_entries.n_entries;
            break;
        case RAFT_APPEND_ENTRIES_RESULT:
            to.version = from->append_entries_result.version;
            to.term = from->append_entries_result.term;
            to.commit = from->append_entries_result.rejected;
            to.index = from->append_entries_result.last_log_index;
            to.features = from->append_entries_result.features;
            to.capacity = from->append_entries_result.capacity;
            break;
        case RAFT_REQUEST_VOTE:
            to.version = from->request_vote.version;
            to.term = from->request_vote.term;
            to.candidate = from->request_vote.candidate_id;
            to.index = from->request_vote.last_log_index;
            to.index_term = from->request_vote.last_log_term;
            to.flag = from->request_vote.disrupt_leader;
            to.pre_vote = from->request_vote.pre_vote;
            break;
        case RAFT_REQUEST_VOTE_RESULT:
            to.version = from->request_vote_result.version;
            to.term = from->request_vote_result.term;
            to.flag = from->request_vote_result.vote_granted;
            to.pre_vote = from->request_vote_result.pre_vote;
            to.features = from->request_vote_result.features;
            to.capacity = from->request_vote_result.capacity;
            break;
        case RAFT_INSTALL_SNAPSHOT:
            to.version = from->install_snapshot.version;
            to.term = from->install_snapshot.term;
            to.index = from->install_snapshot.last_index;
            to.index_term = from->install_snapshot.last_term;
            to.commit = from->install_snapshot.conf_index;
            break;
        default:
            to.version = from->timeout_now.version;
            to.term = from->timeout_now.term;
            to.index = from->timeout_now.last_log_index;
            to.index_term = from->timeout_now.last_log_term;
            break;
    }
    return to;
}

uint64_t lvt_engine_term(const struct lvt_engine* engine) {
    return raft_current_term(&engine->raft);
}

uint64_t lvt_engine_vote(const struct lvt_engine* engine) { return raft_voted_for(&engine->raft); }

int lvt_engine_state(const struct lvt_engine* engine) { return engine->raft.state; }

int lvt_engine_role(const struct lvt_engine* engine) {
    const int role = raft_role((struct raft*)&engine->raft);
    if (role < 0) return -1;
    return role == RAFT_VOTER ? LVT_ROLE_VOTER : LVT_ROLE_STANDBY;
}

uint64_t lvt_engine_leader(const struct lvt_engine* engine) {
    raft_id id = 0;
    const char* address = NULL;
    raft_leader((struct raft*)&engine->raft, &id, &address);
    return id;
}

uint64_t lvt_engine_commit_index(const struct lvt_engine* engine) {
    return raft_commit_index(&engine->raft);
}

uint64_t lvt_engine_last_index(const struct lvt_engine* engine) {
    return raft_last_index((struct raft*)&engine->raft);
}

uint64_t lvt_engine_last_stored(const struct lvt_engine* engine) {
    return engine->raft.last_stored;
}

uint64_t lvt_engine_deadline(const struct lvt_engine* engine) {
    return raft_timeout(&engine->raft);
}

bool lvt_engine_installing(const struct lvt_engine* engine) {
    return engine->raft.snapshot.installing;
}

uint64_t lvt_engine_uncommitted_change(const struct lvt_engine* engine) {
    return engine->raft.configuration_uncommitted_index;
}

uint64_t lvt_engine_match_index(const struct lvt_engine* engine, uint64_t server) {
    raft_index index = 0;
    return raft_match_index(&engine->raft, server, &index) == 0 ? index : 0;
}

int lvt_engine_catch_up_status(const struct lvt_engine* engine, uint64_t server) {
    int status = LVT_CATCH_UP_NONE;
    return raft_catch_up(&engine->raft, server, &status) == 0 ? status : LVT_CATCH_UP_NONE;
}

bool lvt_engine_catching_up(const struct lvt_engine* engine) {
    return engine->raft.state == RAFT_LEADER && engine->raft.leader_state.promotee_id != 0;
}

uint64_t lvt_engine_transferee(const struct lvt_engine* engine) {
    return raft_transferee(&engine->raft);
}

const char* lvt_engine_error(int status) { return raft_strerror(status); }
