#include "broker/config/text_file.h"

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
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return failed();
    std::string text;
    char buffer[4096];
    for (;;) {
        const ssize_t size = ::read(fd, buffer, sizeof buffer);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) {
            const Error error = failed();
            ::close(fd);
            return error;
        }
        if (size == 0) break;
        text.append(buffer, static_cast<std::size_t>(size));
        if (text.size() > size_max) {
            ::close(fd);
            return Error{
                ErrorKind::invalid,
                fmt::format("{}: larger than {} octets", path.string(), size_max)};
        }
    }
    ::close(fd);
    return text;
}

}  // namespace lvt::broker
