// TestCertificates: a certificate authority and what it signs, as PEM files in a directory that goes with it.
#pragma once

#include <filesystem>
#include <string>

namespace lvt::broker {

class TestCertificates {
public:
    TestCertificates();
    ~TestCertificates();
    TestCertificates(const TestCertificates&) = delete;
    TestCertificates& operator=(const TestCertificates&) = delete;

    const std::filesystem::path& directory() const { return directory_; }
    std::filesystem::path authority() const { return directory_ / "ca.pem"; }

    /// Writes NAME.pem and NAME.key, signed by the authority, for the subject "O=test, CN=NAME" and the DNS names `names`, as in
    /// "DNS:one,DNS:two". The key is encrypted where there is a password.
    void issue(
        const std::string& name, const std::string& names = "DNS:localhost",
        const std::string& password = {}) const;
    std::filesystem::path certificate(const std::string& name) const;
    std::filesystem::path key(const std::string& name) const;

private:
    std::filesystem::path directory_;
    void* authority_key_ = nullptr;          // EVP_PKEY
    void* authority_certificate_ = nullptr;  // X509
};

}  // namespace lvt::broker
