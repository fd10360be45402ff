# How the parts of the project are compiled and put together; CMakeLists.txt says which parts there are.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    find_program(CCACHE_PROGRAM ccache)
    if(CCACHE_PROGRAM)
        # The sloppiness lets files that use a precompiled header be cached.
        set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros "${CCACHE_PROGRAM}")
    endif()
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
    add_link_options(-fuse-ld=mold)
endif()

# --- flags ---------------------------------------------------------------------------------------

# Options are structs of which a call names the fields it sets, so fields left out are no mistake.
add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # False alarms on adding to a std::string and on comparing what is in an optional one: gcc bugs 105651 and 105562,
    # mended in 13.
    add_compile_options(-Wno-restrict -Wno-stringop-overflow -Wno-maybe-uninitialized)
endif()
if(CHRONOS_WERROR)
    add_compile_options(-Werror)
endif()
if(CHRONOS_MARCH AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    add_compile_options(-march=${CHRONOS_MARCH})
endif()
if(CHRONOS_SANITIZE)
    add_compile_options(-fsanitize=${CHRONOS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${CHRONOS_SANITIZE})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # The checks gcc inserts hide from it that a variable is always set.
        add_compile_options(-Wno-maybe-uninitialized)
    endif()
endif()
if(CHRONOS_COVERAGE)
    add_compile_options(--coverage -fprofile-update=atomic)
    add_link_options(--coverage)
endif()
if(CHRONOS_PLANTED_BUGS)
    add_compile_definitions(CHRONOS_PLANTED_BUGS)
endif()
if(CHRONOS_LTO)
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

# --- components ----------------------------------------------------------------------------------

set_property(GLOBAL PROPERTY chronos_components "")

# chronos_component(<name> RANK <n> [FOLDER <path under src>] [EXCLUDE <subfolder>] [LINK <target>...])
#
# Makes the library chronos_<name> from the sources of its folder. Without sources yet, there is none.
# Users of a component see only include/; the parts of the library and their tests add src/ themselves.
function(chronos_component name)
    cmake_parse_arguments(arg "" "RANK;FOLDER;EXCLUDE" "LINK" ${ARGN})
    if(NOT arg_FOLDER)
        set(arg_FOLDER "${name}")
    endif()
    set(folder "${PROJECT_SOURCE_DIR}/src/${arg_FOLDER}")
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/*.cc")
    if(arg_EXCLUDE)
        list(FILTER sources EXCLUDE REGEX "/src/${arg_FOLDER}/${arg_EXCLUDE}/")
    endif()
    set(tests ${sources})
    list(FILTER tests INCLUDE REGEX "_test\\.cc$")
    set(benchmarks ${sources})
    list(FILTER benchmarks INCLUDE REGEX "_bench\\.cc$")
    list(FILTER sources EXCLUDE REGEX "_(test|bench)\\.cc$|/app/main\\.cc$")

    set(lower ${arg_LINK})
    get_property(components GLOBAL PROPERTY chronos_components)
    foreach(component IN LISTS components)
        get_property(rank GLOBAL PROPERTY chronos_rank_${component})
        if(rank LESS arg_RANK)
            list(PREPEND lower chronos_${component})
        endif()
    endforeach()

    if(sources)
        add_library(chronos_${name} STATIC ${sources})
        target_include_directories(chronos_${name}
            PUBLIC "${PROJECT_SOURCE_DIR}/include" PRIVATE "${PROJECT_SOURCE_DIR}/src")
        target_link_libraries(chronos_${name} PUBLIC ${lower})
    else()
        add_library(chronos_${name} INTERFACE)
        target_include_directories(chronos_${name} INTERFACE "${PROJECT_SOURCE_DIR}/include")
        target_link_libraries(chronos_${name} INTERFACE ${lower})
    endif()
    set_property(GLOBAL APPEND PROPERTY chronos_components ${name})
    set_property(GLOBAL PROPERTY chronos_rank_${name} ${arg_RANK})
    set_property(GLOBAL PROPERTY chronos_tests_${name} "${tests}")
    set_property(GLOBAL PROPERTY chronos_benchmarks_${name} "${benchmarks}")
endfunction()

# The library as a user gets it: one archive of all parts, one include folder, one pkg-config file.
function(chronos_public_library)
    set(parts "")
    set(objects "")
    get_property(components GLOBAL PROPERTY chronos_components)
    # What stands in front of the library is no part of it.
    list(REMOVE_ITEM components access ingest wire server client app)
    foreach(component IN LISTS components)
        get_target_property(type chronos_${component} TYPE)
        if(type STREQUAL "STATIC_LIBRARY")
            list(APPEND parts chronos_${component})
            list(APPEND objects "$<TARGET_OBJECTS:chronos_${component}>")
        endif()
    endforeach()
    if(NOT parts)
        return()
    endif()
    add_library(chronos STATIC ${objects})
    set_target_properties(chronos PROPERTIES LINKER_LANGUAGE CXX)
    target_include_directories(chronos INTERFACE "${PROJECT_SOURCE_DIR}/include")
    target_link_libraries(chronos PRIVATE Threads::Threads OpenSSL::Crypto PkgConfig::xxhash PkgConfig::isal)

    # The prefix is chosen at installation, so the file names it from where it lies.
    file(RELATIVE_PATH prefix_from_pc "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
    configure_file("${PROJECT_SOURCE_DIR}/cmake/chronos.pc.in" "${PROJECT_BINARY_DIR}/chronos.pc" @ONLY)
    install(TARGETS chronos ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
    install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/chronos" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
    install(FILES "${PROJECT_BINARY_DIR}/chronos.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
    install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
endfunction()

function(chronos_program)
    if(NOT EXISTS "${PROJECT_SOURCE_DIR}/src/app/main.cc")
        return()
    endif()
    add_executable(chronos_program "${PROJECT_SOURCE_DIR}/src/app/main.cc")
    set_target_properties(chronos_program PROPERTIES OUTPUT_NAME chronos)
    target_include_directories(chronos_program PRIVATE "${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(chronos_program PRIVATE chronos_app)
    install(TARGETS chronos_program RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endfunction()

# --- tests ---------------------------------------------------------------------------------------

# Makes one GoogleTest executable; cmake/label_tests.cmake gives its tests their labels.
function(chronos_test_executable target)
    cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${target} ${arg_SOURCES})
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/tests")
    target_link_libraries(${target} PRIVATE ${arg_LINK} nlohmann_json::nlohmann_json simdjson::simdjson
        GTest::gtest_main)
    target_compile_definitions(${target} PRIVATE CHRONOS_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    gtest_discover_tests(${target} TEST_LIST ${target}_names DISCOVERY_TIMEOUT 60
        WORKING_DIRECTORY "${PROJECT_BINARY_DIR}")
    set(labels "${PROJECT_BINARY_DIR}/${target}_labels.cmake")
    file(CONFIGURE OUTPUT "${labels}" @ONLY CONTENT
        "set(names \${@target@_names})\ninclude(\"@PROJECT_SOURCE_DIR@/cmake/label_tests.cmake\")\n")
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${labels}")
endfunction()

function(chronos_component_tests)
    include(GoogleTest)
    get_property(components GLOBAL PROPERTY chronos_components)
    foreach(component IN LISTS components)
        get_property(tests GLOBAL PROPERTY chronos_tests_${component})
        if(tests)
            chronos_test_executable(${component}_test SOURCES ${tests} LINK chronos_${component} chronos_io_sim)
        endif()
    endforeach()
endfunction()

# Tests of the whole. Those of `conformance` find the program in CHRONOS_PROGRAM; the others do not wait for it to be built.
function(chronos_system_tests)
    include(GoogleTest)
    foreach(folder IN LISTS ARGN)
        file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/${folder}/*.cc")
        if(NOT sources)
            continue()
        endif()
        chronos_test_executable(${folder}_test SOURCES ${sources} LINK chronos_embedded fmt::fmt)
        if(folder STREQUAL "conformance" AND TARGET chronos_program)
            add_dependencies(${folder}_test chronos_program)
            target_compile_definitions(${folder}_test PRIVATE CHRONOS_PROGRAM="$<TARGET_FILE:chronos_program>")
        endif()
    endforeach()
endfunction()

# Examples are what a user would write: they link the public library and run as tests in a fresh folder.
function(chronos_examples)
    file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/examples/*.cc")
    if(NOT sources OR NOT TARGET chronos)
        return()
    endif()
    foreach(source IN LISTS sources)
        cmake_path(GET source STEM name)
        add_executable(example_${name} "${source}")
        target_link_libraries(example_${name} PRIVATE chronos)
        add_test(NAME example.${name}
            COMMAND "${CMAKE_COMMAND}" -D "PROGRAM=$<TARGET_FILE:example_${name}>"
                    -D "FOLDER=${PROJECT_BINARY_DIR}/examples/${name}" -P "${PROJECT_SOURCE_DIR}/cmake/run_in_fresh_folder.cmake")
        set_tests_properties(example.${name} PROPERTIES LABELS fast TIMEOUT 60)
    endforeach()
endfunction()

# --- benchmarks and fuzzers ----------------------------------------------------------------------

# Makes one executable of Google Benchmarks, which also runs once, briefly, as a slow test.
function(chronos_benchmark_executable name)
    cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name}_bench ${arg_SOURCES})
    target_include_directories(${name}_bench PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/bench")
    target_link_libraries(${name}_bench PRIVATE ${arg_LINK} benchmark::benchmark_main)
    if(CHRONOS_BUILD_TESTS)
        add_test(NAME bench.${name} COMMAND ${name}_bench --benchmark_min_time=0.001
            WORKING_DIRECTORY "${PROJECT_BINARY_DIR}")
        set_tests_properties(bench.${name} PROPERTIES LABELS slow TIMEOUT 900)
    endif()
endfunction()

# Beside the code and in bench/; a folder of bench/ with a main.cc is a program of its own. bench/peers needs what other
# programs do not: bench_peers.cmake.
function(chronos_benchmarks)
    get_property(components GLOBAL PROPERTY chronos_components)
    foreach(component IN LISTS components)
        get_property(sources GLOBAL PROPERTY chronos_benchmarks_${component})
        if(sources)
            chronos_benchmark_executable(${component} SOURCES ${sources} LINK chronos_${component})
        endif()
    endforeach()

    file(GLOB folders CONFIGURE_DEPENDS LIST_DIRECTORIES true "${PROJECT_SOURCE_DIR}/bench/*")
    list(REMOVE_ITEM folders "${PROJECT_SOURCE_DIR}/bench/peers" "${PROJECT_SOURCE_DIR}/bench/results")
    foreach(folder IN LISTS folders)
        file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.cc")
        cmake_path(GET folder FILENAME name)
        if(EXISTS "${folder}/main.cc")
            add_executable(${name}_bench ${sources})
            target_include_directories(${name}_bench
                PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/bench")
            target_link_libraries(${name}_bench PRIVATE chronos_app)
        elseif(sources)
            chronos_benchmark_executable(${name} SOURCES ${sources} LINK chronos_app)
        endif()
    endforeach()
endfunction()

# Each tests/fuzz/x_fuzz.cc is a target. x_fuzz invents inputs; x_corpus tries those of tests/fuzz/corpus/x, with any
# compiler, as a fast test.
function(chronos_fuzz_targets)
    file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/fuzz/*_fuzz.cc")
    if(CHRONOS_BUILD_FUZZERS)
        add_custom_target(fuzzers)
    endif()
    foreach(source IN LISTS sources)
        cmake_path(GET source STEM name)
        string(REGEX REPLACE "_fuzz$" "" subject "${name}")
        if(CHRONOS_BUILD_FUZZERS)
            chronos_fuzz_program(${name} "${source}")
            target_link_options(${name} PRIVATE -fsanitize=fuzzer)
            add_dependencies(fuzzers ${name})
        endif()
        if(CHRONOS_BUILD_TESTS)
            file(GLOB corpus LIST_DIRECTORIES true CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${subject}")
            chronos_fuzz_program(${subject}_corpus "${source}" "${PROJECT_SOURCE_DIR}/tests/fuzz/replay_corpus.cc")
            add_test(NAME fuzz.${subject} COMMAND ${subject}_corpus --seeds ${corpus}
                WORKING_DIRECTORY "${PROJECT_BINARY_DIR}")
            set_tests_properties(fuzz.${subject} PROPERTIES LABELS fast TIMEOUT 600)
        endif()
    endforeach()
endfunction()

function(chronos_fuzz_program target)
    add_executable(${target} ${ARGN})
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/tests")
    target_link_libraries(${target} PRIVATE chronos_embedded nlohmann_json::nlohmann_json)
endfunction()
