#include "cluster/discovery/curl_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <string>

namespace lvt::discovery {
namespace {

struct Loaded {
    CurlLibrary library;
    std::string fault;
};

template <class Function>
void find(void* handle, const char* name, Function& out, std::string& fault) {
    out = reinterpret_cast<Function>(::dlsym(handle, name));
    if (!out) fault = fmt::format("libcurl.so.4 has no {}", name);
}

Loaded load() {
    Loaded out;
    void* const handle = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        out.fault = fmt::format("libcurl is needed (Debian: libcurl4): {}", ::dlerror());
        return out;
    }
    CurlLibrary& to = out.library;
    decltype(&::curl_global_init) global_init = nullptr;
    find(handle, "curl_global_init", global_init, out.fault);
    find(handle, "curl_easy_init", to.easy_init, out.fault);
    find(handle, "curl_easy_cleanup", to.easy_cleanup, out.fault);
    find(handle, "curl_easy_setopt", to.easy_setopt, out.fault);
    find(handle, "curl_easy_getinfo", to.easy_getinfo, out.fault);
    find(handle, "curl_easy_strerror", to.easy_strerror, out.fault);
    find(handle, "curl_slist_append", to.slist_append, out.fault);
    find(handle, "curl_slist_free_all", to.slist_free_all, out.fault);
    find(handle, "curl_multi_init", to.multi_init, out.fault);
    find(handle, "curl_multi_cleanup", to.multi_cleanup, out.fault);
    find(handle, "curl_multi_add_handle", to.multi_add_handle, out.fault);
    find(handle, "curl_multi_remove_handle", to.multi_remove_handle, out.fault);
    find(handle, "curl_multi_perform", to.multi_perform, out.fault);
    find(handle, "curl_multi_poll", to.multi_poll, out.fault);
    find(handle, "curl_multi_wakeup", to.multi_wakeup, out.fault);
    find(handle, "curl_multi_info_read", to.multi_info_read, out.fault);
    if (out.fault.empty() && global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        out.fault = "libcurl cannot be initialised";
    return out;
}

}  // namespace

Result<const CurlLibrary*> curl_library() {
    static const Loaded kLoaded = load();
    if (!kLoaded.fault.empty()) return Error{ErrorKind::not_found, kLoaded.fault};
    return &kLoaded.library;
}

}  // namespace lvt::discovery
