#include "broker/config/text_file.h"

#include "protocol/base/owned_fd.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lvt::broker {

Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t size_max) {
    const auto failed = [&path] {
        return Error{
            errno == ENOENT ? ErrorKind::not_found : ErrorKind::io,
            fmt::format("{}: {}", path.string(), std::strerror(errno))};
    };
    const OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return failed();
    std::string text;
    char buffer[4096];
    for (;;) {
        const ssize_t size = ::read(file.get(), buffer, sizeof buffer);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return failed();
        if (size == 0) break;
        text.append(buffer, static_cast<std::size_t>(size));
        if (text.size() > size_max)
            return Error{
                ErrorKind::invalid,
                fmt::format("{}: larger than {} octets", path.string(), size_max)};
    }
    return text;
}

}  // namespace lvt::broker
