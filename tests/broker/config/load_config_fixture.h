// What the tests of the configuration share: a machine that is known, and files that are written for one case.
#pragma once

#include "broker/config/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

namespace lvt::broker {

class LoadConfig : public testing::Test {
protected:
    LoadConfig() {
        std::string name = (std::filesystem::temp_directory_path() / "leveret-config-XXXXXX");
        directory_ = ::mkdtemp(name.data());
        sources_.machine = {.cpus = 8, .memory_bytes = 1'000'000'000, .host_name = "h"};
    }
    ~LoadConfig() override { std::filesystem::remove_all(directory_); }

    /// Writes a file and makes it a source; answers its path.
    std::string file(const std::string& text, const std::string& name = "r.conf") {
        const std::filesystem::path path = write(text, name);
        sources_.files.push_back(path);
        return path;
    }
    std::filesystem::path write(const std::string& text, const std::string& name) {
        const std::filesystem::path path = directory_ / name;
        std::ofstream{path, std::ios::binary} << text;
        return path;
    }
    void environment(const std::string& name, const std::string& value) {
        sources_.environment[name] = value;
    }
    void set(const std::string& key, const std::string& value) {
        sources_.set.emplace_back(key, value);
    }

    Config load() {
        Result<Config> config = load_config(sources_);
        EXPECT_TRUE(config.has_value()) << config.error().message;
        return config.has_value() ? std::move(*config) : Config{};
    }
    /// The error's text, with the test's own directory shown as DIR.
    std::string error() {
        const Result<Config> config = load_config(sources_);
        if (config.has_value()) return "no error";
        EXPECT_EQ(config.error().kind, ErrorKind::invalid);
        return shown(config.error().message);
    }
    std::string shown(std::string text) const {
        const std::string directory = directory_.string();
        for (std::size_t at; (at = text.find(directory)) != std::string::npos;)
            text.replace(at, directory.size(), "DIR");
        return text;
    }
    /// "VALUE from SOURCE", or "absent".
    std::string setting(const Config& config, const std::string& key) const {
        for (const Setting& setting : config.settings)
            if (setting.key == key) return shown(setting.value + " from " + setting.source);
        return "absent";
    }

    std::filesystem::path directory_;
    ConfigSources sources_;
};

}  // namespace lvt::broker
