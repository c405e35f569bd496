// HiddenArguments: the command line with its secrets taken out of sight; every user of a machine may read how a process was started.
#pragma once

#include <string>
#include <vector>

namespace lvt::broker {

class HiddenArguments {
public:
    /// Keeps a copy of the words and overwrites in `argv` itself what they tell: values of settings for passwords, secrets, tokens and
    /// cookies, passwords in URLs and of ctl's users. What is no secret stays as it is.
    HiddenArguments(int argc, char** argv);

    int argc() const { return static_cast<int>(words_.size()); }
    /// As they were given; they live as long as this.
    char** argv() { return pointers_.data(); }

private:
    std::vector<std::string> words_;
    std::vector<char*> pointers_;
};

}  // namespace lvt::broker
