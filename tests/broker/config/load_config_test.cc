#include "tests/broker/config/load_config_fixture.h"

namespace lvt::broker {
namespace {

TEST_F(LoadConfig, DefaultsAreRabbitMqs) {
    const Config config = load();
    EXPECT_EQ(config.listeners, (std::vector<ListenAddress>{{"::", 5672}}));
    EXPECT_EQ(config.default_user.name, "guest");
    EXPECT_EQ(config.default_user.password, "guest");
    EXPECT_EQ(config.default_user.vhost, "/");
    EXPECT_EQ(config.default_user.tags, std::vector<std::string>{"administrator"});
    EXPECT_EQ(config.loopback_users, std::vector<std::string>{"guest"});
    EXPECT_EQ(config.heartbeat_s, 60);
    EXPECT_EQ(config.frame_max, 131072u);
    EXPECT_EQ(config.channel_max, 2047);
    EXPECT_EQ(config.max_message_size, 134217728u);
    EXPECT_EQ(config.handshake_timeout, Milliseconds{10000});
    EXPECT_EQ(config.memory_limit_bytes, 400'000'000u);
    EXPECT_EQ(config.disk_free_limit_bytes, 50'000'000u);
    EXPECT_EQ(config.node_name, "rabbit@h");
    EXPECT_EQ(config.server.product, "RabbitMQ");
    EXPECT_EQ(config.server.cluster_name, "rabbit@h");
    EXPECT_TRUE(config.warnings.empty());
}

TEST_F(LoadConfig, BettermentsAreOnByDefault) {
    const Config config = load();
    EXPECT_TRUE(config.close_barrier);
    EXPECT_TRUE(config.slow_start.enabled);
    EXPECT_EQ(config.slow_start.initial_window, 8u);
    EXPECT_EQ(config.slow_start.interval, Milliseconds{50});
    EXPECT_EQ(config.poison_max_returns, 5u);
}

TEST_F(LoadConfig, IoThreadsFollowTheProcessors) {
    const std::pair<unsigned, unsigned> cases[] = {{1, 0}, {2, 0}, {3, 2}, {4, 3}, {5, 4}, {64, 4}};
    for (const auto& [cpus, threads] : cases) {
        sources_.machine.cpus = cpus;
        EXPECT_EQ(load().io_threads, threads) << cpus;
    }
}

TEST_F(LoadConfig, ALaterLineWinsOverAnEarlierOne) {
    file("heartbeat = 10\nheartbeat = 20\n");
    EXPECT_EQ(load().heartbeat_s, 20);
}

TEST_F(LoadConfig, ALaterFileWinsOverAnEarlierOne) {
    file("heartbeat = 10\nchannel_max = 5\n", "a.conf");
    file("heartbeat = 20\n", "b.conf");
    const Config config = load();
    EXPECT_EQ(config.heartbeat_s, 20);
    EXPECT_EQ(config.channel_max, 5);
}

TEST_F(LoadConfig, SetWinsOverEnvironmentWinsOverFileWinsOverDefault) {
    EXPECT_EQ(setting(load(), "default_user"), "guest from default");
    file("\ndefault_user = f\n");
    EXPECT_EQ(setting(load(), "default_user"), "f from DIR/r.conf:2");
    environment("RABBITMQ_DEFAULT_USER", "e");
    EXPECT_EQ(setting(load(), "default_user"), "e from environment RABBITMQ_DEFAULT_USER");
    set("default_user", "s");
    EXPECT_EQ(setting(load(), "default_user"), "s from --set");
    EXPECT_EQ(load().default_user.name, "s");
}

TEST_F(LoadConfig, ListenersOfOneLevelAddUp) {
    file("listeners.tcp.1 = 127.0.0.1:5673\nlisteners.tcp.2 = ::1:5674\nlisteners.tcp.3 = 5675\n");
    EXPECT_EQ(
        load().listeners,
        (std::vector<ListenAddress>{{"127.0.0.1", 5673}, {"::1", 5674}, {"::", 5675}}));
}

TEST_F(LoadConfig, ListenersOfAHigherLevelReplaceThoseBelow) {
    file("listeners.tcp.1 = 5673\n");
    environment("RABBITMQ_NODE_PORT", "5680");
    EXPECT_EQ(load().listeners, (std::vector<ListenAddress>{{"::", 5680}}));
    set("listeners.tcp.default", "127.0.0.1:0");
    const Config config = load();
    EXPECT_EQ(config.listeners, (std::vector<ListenAddress>{{"127.0.0.1", 0}}));
    EXPECT_EQ(setting(config, "listeners.tcp.1"), "absent");
}

TEST_F(LoadConfig, NoListenerAtAll) {
    file("listeners.tcp = none\n");
    EXPECT_TRUE(load().listeners.empty());
}

TEST_F(LoadConfig, LoopbackUsersReplaceTheDefault) {
    file("loopback_users.bob = true\nloopback_users.first\\.last = true\n");
    EXPECT_EQ(load().loopback_users, (std::vector<std::string>{"bob", "first.last"}));
}

TEST_F(LoadConfig, GuestIsFreedAsInRabbitMqsImage) {
    file("loopback_users.guest = false\n");
    EXPECT_TRUE(load().loopback_users.empty());
}

TEST_F(LoadConfig, LoopbackUsersNone) {
    file("loopback_users = none\n");
    const Config config = load();
    EXPECT_TRUE(config.loopback_users.empty());
    EXPECT_EQ(setting(config, "loopback_users.guest"), "absent");
}

TEST_F(LoadConfig, DefaultUserTagsReplaceTheDefault) {
    file("default_user_tags.monitoring = true\ndefault_user_tags.x = false\n");
    EXPECT_EQ(load().default_user.tags, std::vector<std::string>{"monitoring"});
}

TEST_F(LoadConfig, TheLastMemoryWatermarkWins) {
    file("vm_memory_high_watermark.absolute = 100MB\n");
    EXPECT_EQ(load().memory_limit_bytes, 100'000'000u);
    set("vm_memory_high_watermark", "0.25");
    const Config config = load();
    EXPECT_EQ(config.memory_limit_bytes, 250'000'000u);
    EXPECT_EQ(setting(config, "vm_memory_high_watermark.absolute"), "absent");
    EXPECT_EQ(setting(config, "vm_memory_high_watermark.relative"), "0.25 from --set");
}

TEST_F(LoadConfig, AMemoryWatermarkIsNeverMoreThanThereIs) {
    file("vm_memory_high_watermark.absolute = 64GiB\n");
    EXPECT_EQ(load().memory_limit_bytes, 1'000'000'000u);
}

TEST_F(LoadConfig, MemoryMayBeTold) {
    file("total_memory_available_override_value = 2GB\n");
    const Config config = load();
    EXPECT_EQ(config.memory_total_bytes, 2'000'000'000u);
    EXPECT_EQ(config.memory_limit_bytes, 800'000'000u);
}

TEST_F(LoadConfig, DiskLimitRelativeIsOfMemory) {
    file("disk_free_limit.relative = 1.5\n");
    EXPECT_EQ(load().disk_free_limit_bytes, 1'500'000'000u);
}

TEST_F(LoadConfig, DiskLimitWithUnits) {
    file("disk_free_limit.absolute = 2GiB\n");
    EXPECT_EQ(load().disk_free_limit_bytes, 2'147'483'648u);
}

TEST_F(LoadConfig, EveryKeyWithAnEffectIsTaken) {
    file(
        "data_dir = /d\nnode_name = n@m\nio_threads = 2\ntcp_listen_options.backlog = 7\n"
        "tcp_listen_options.nodelay = false\ntcp_listen_options.keepalive = true\n"
        "tcp_listen_options.sndbuf = 1000\ntcp_listen_options.recbuf = 2000\n"
        "tcp_listen_options.linger.on = true\ntcp_listen_options.linger.timeout = 3\n"
        "tcp_user_timeout = 0\ndefault_user = u\ndefault_pass = p\ndefault_vhost = v\n"
        "default_permissions.configure = c\ndefault_permissions.write = w\n"
        "default_permissions.read = r\nproduct.name = P\nserver.version = 1\ncluster_name = cn\n"
        "heartbeat = 0\nframe_max = 64KB\ninitial_frame_max = 8192\nchannel_max = 0\n"
        "max_message_size = 1MB\nhandshake_timeout = infinity\nlogin_failure_delay = 0\n"
        "journal.size = 128MB\nstore.memtable_size = 1MB\nstore.cache_size = 2MB\n"
        "close_barrier.enabled = false\ndelivery_slow_start.enabled = false\n"
        "delivery_slow_start.initial_window = 4\ndelivery_slow_start.interval = 9\n"
        "poison.max_returns = 0\n");
    const Config config = load();
    EXPECT_EQ(config.data_dir, "/d");
    EXPECT_EQ(config.node_name, "n@m");
    EXPECT_EQ(config.io_threads, 2u);
    EXPECT_EQ(config.tcp.backlog, 7);
    EXPECT_FALSE(config.tcp.nodelay);
    EXPECT_TRUE(config.tcp.keepalive);
    EXPECT_EQ(config.tcp.sndbuf, 1000);
    EXPECT_EQ(config.tcp.recbuf, 2000);
    EXPECT_EQ(config.tcp.linger_s, 3);
    EXPECT_EQ(config.tcp_user_timeout, Milliseconds{0});
    EXPECT_EQ(config.default_user.name + config.default_user.password, "up");
    EXPECT_EQ(config.default_user.vhost, "v");
    EXPECT_EQ(config.default_user.configure + config.default_user.write, "cw");
    EXPECT_EQ(config.default_user.read, "r");
    EXPECT_EQ(config.server.product + config.server.version + config.server.cluster_name, "P1cn");
    EXPECT_EQ(config.heartbeat_s, 0);
    EXPECT_EQ(config.frame_max, 65536u);
    EXPECT_EQ(config.initial_frame_max, 8192u);
    EXPECT_EQ(config.channel_max, 65535);
    EXPECT_EQ(config.max_message_size, 1048576u);
    EXPECT_EQ(config.handshake_timeout, Milliseconds{0});
    EXPECT_EQ(config.login_failure_delay, Milliseconds{0});
    EXPECT_EQ(config.storage.journal_bytes, 134217728u);
    EXPECT_EQ(config.storage.memtable_bytes, 1048576u);
    EXPECT_EQ(config.storage.cache_bytes, 2097152u);
    EXPECT_FALSE(config.close_barrier);
    EXPECT_FALSE(config.slow_start.enabled);
    EXPECT_EQ(config.slow_start.initial_window, 4u);
    EXPECT_EQ(config.slow_start.interval, Milliseconds{9});
    EXPECT_EQ(config.poison_max_returns, 0u);
}

TEST_F(LoadConfig, LogOutputs) {
    file(
        "log.console = false\nlog.console.stdio = stdout\nlog.console.formatter = json\n"
        "log.dir = /l\nlog.file = f.log\nlog.file.level = error\nlog.file.formatter = json\n"
        "log.connection.level = none\n");
    const LogConfig log = load().log;
    EXPECT_FALSE(log.console);
    EXPECT_TRUE(log.console_to_stdout);
    EXPECT_TRUE(log.console_json);
    EXPECT_EQ(log.file, "/l/f.log");
    EXPECT_EQ(log.file_level, LogLevel::error);
    EXPECT_TRUE(log.file_json);
    EXPECT_EQ(log.connection_level, std::nullopt);
}

TEST_F(LoadConfig, LogOutputsFollowTheDefaultLevelUnlessTheyHaveTheirOwn) {
    file("log.default.level = debug\nlog.file.level = warning\n");
    const Config config = load();
    EXPECT_EQ(config.log.console_level, LogLevel::debug);
    EXPECT_EQ(config.log.file_level, LogLevel::warning);
    EXPECT_EQ(setting(config, "log.console.level"), "debug from DIR/r.conf:1");
}

TEST_F(LoadConfig, NoLogFileByDefault) { EXPECT_TRUE(load().log.file.empty()); }

TEST_F(LoadConfig, AnEphemeralBrokerIsAloneOnLoopback) {
    file("listeners.tcp.1 = 5673\ndata_dir = /d\nheartbeat = 7\n");
    environment("RABBITMQ_MNESIA_BASE", "/m");
    sources_.ephemeral = true;
    const Config config = load();
    EXPECT_TRUE(config.data_dir.empty());
    EXPECT_EQ(config.listeners, (std::vector<ListenAddress>{{"127.0.0.1", 0}}));
    EXPECT_EQ(config.heartbeat_s, 7);
}

TEST_F(LoadConfig, AnEphemeralBrokerDoesWhatSetSays) {
    sources_.ephemeral = true;
    set("listeners.tcp.default", "127.0.0.1:5999");
    EXPECT_EQ(load().listeners, (std::vector<ListenAddress>{{"127.0.0.1", 5999}}));
}

TEST_F(LoadConfig, SettingsAreSortedAndSecretsMasked) {
    file("default_pass = s3cret\n");
    const Config config = load();
    EXPECT_TRUE(std::is_sorted(
        config.settings.begin(), config.settings.end(), [](const Setting& a, const Setting& b) {
            return a.key < b.key;
        }));
    EXPECT_EQ(setting(config, "default_pass"), "******** from DIR/r.conf:1");
    EXPECT_EQ(config.default_user.password, "s3cret");
}

TEST_F(LoadConfig, SettingsArePrintedWithTheirSources) {
    file("default_vhost = 'a#b'\n");
    const Config config = load();
    const std::string text = shown(format_settings(config, false));
    EXPECT_NE(text.find("default_vhost = 'a#b'"), std::string::npos) << text;
    EXPECT_NE(text.find("# DIR/r.conf:1"), std::string::npos);
    EXPECT_NE(text.find("the alarm is on above 400000000"), std::string::npos);
    const std::string json = shown(format_settings(config, true));
    EXPECT_NE(
        json.find(R"({"key":"default_vhost","value":"a#b","source":"DIR/r.conf:1"})"),
        std::string::npos)
        << json;
}

}  // namespace
}  // namespace lvt::broker
