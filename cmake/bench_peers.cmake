# The program of bench/peers. `all` does not include it, and nothing that is installed or tested needs its libraries; a
# peer whose library is not found is left out of the build, and its rows say so.

pkg_check_modules(rocksdb QUIET IMPORTED_TARGET rocksdb)
pkg_check_modules(lmdb QUIET IMPORTED_TARGET lmdb)
pkg_check_modules(sqlite QUIET IMPORTED_TARGET sqlite3)
pkg_check_modules(libpq QUIET IMPORTED_TARGET libpq)
pkg_check_modules(hiredis QUIET IMPORTED_TARGET hiredis)

file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bench/peers/*.cc")
add_executable(peers_bench EXCLUDE_FROM_ALL ${sources})
target_include_directories(peers_bench PRIVATE "${PROJECT_SOURCE_DIR}/bench")
target_link_libraries(peers_bench PRIVATE
    chronos CLI11::CLI11 nlohmann_json::nlohmann_json fmt::fmt PkgConfig::isal Threads::Threads)

# chronos_bench_peer(<name> <target of its library>): with bench/peers/<name>_peer.cc if there is such a library.
function(chronos_bench_peer name library)
    if(TARGET ${library})
        string(TOUPPER "CHRONOS_BENCH_HAS_${name}" definition)
        target_compile_definitions(peers_bench PRIVATE ${definition})
        target_link_libraries(peers_bench PRIVATE ${library})
    else()
        message(STATUS "peers_bench: ${name} is left out, its library is not installed")
        set_source_files_properties("${PROJECT_SOURCE_DIR}/bench/peers/${name}_peer.cc" PROPERTIES HEADER_FILE_ONLY ON)
    endif()
endfunction()
chronos_bench_peer(rocksdb PkgConfig::rocksdb)
chronos_bench_peer(lmdb PkgConfig::lmdb)
chronos_bench_peer(sqlite PkgConfig::sqlite)
chronos_bench_peer(postgres PkgConfig::libpq)
chronos_bench_peer(redis PkgConfig::hiredis)

add_executable(idle_store EXCLUDE_FROM_ALL "${PROJECT_SOURCE_DIR}/bench/peers/idle/main.cc")
target_include_directories(idle_store PRIVATE "${PROJECT_SOURCE_DIR}/bench")
target_link_libraries(idle_store PRIVATE chronos)
# It runs these two.
add_dependencies(peers_bench idle_store)
if(TARGET chronos_program)
    add_dependencies(peers_bench chronos_program)
endif()
