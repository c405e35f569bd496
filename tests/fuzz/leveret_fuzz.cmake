# leveret_fuzz(NAME SOURCES ... LIBRARIES ...): one fuzz target with the seeds in tests/fuzz/corpus/NAME.
#
# Under LEVERET_FUZZ (clang, preset `fuzz`) it is a libFuzzer program: `NAME_fuzz CORPUS -max_total_time=60`. Otherwise
# a plain main() replays the seeds, and ctest runs it; so every crash that was found stays a test.
set(LEVERET_FUZZ_DIR ${CMAKE_CURRENT_LIST_DIR})

function(leveret_fuzz name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
    set(corpus ${LEVERET_FUZZ_DIR}/corpus/${name})
    add_executable(${name}_fuzz ${ARG_SOURCES})
    target_link_libraries(${name}_fuzz PRIVATE ${ARG_LIBRARIES} leveret_warnings)
    add_dependencies(fuzz_targets ${name}_fuzz)
    if(LEVERET_FUZZ)
        target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
        add_test(NAME ${name}_fuzz COMMAND ${name}_fuzz -runs=0 ${corpus})
    else()
        target_link_libraries(${name}_fuzz PRIVATE leveret_fuzz_replay)
        add_test(NAME ${name}_fuzz COMMAND ${name}_fuzz ${corpus})
    endif()
    set_tests_properties(${name}_fuzz PROPERTIES LABELS fuzz)
    set_property(GLOBAL APPEND PROPERTY leveret_test_programs ${name}_fuzz)
endfunction()
