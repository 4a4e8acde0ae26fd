#include "regex_server.hpp"

int main(int argc, char** argv) { return corps::run<regex_search::RegexServer>(argc, argv); }
